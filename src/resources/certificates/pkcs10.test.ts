import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCertificateRequest, toRequestPem } from '../../pki/certificate-request.ts';
import { newKey } from '../../pki/keys.ts';
import { requestFault } from './pkcs10.ts';

const request = createCertificateRequest(newKey(), { commonName: 'jane', organizations: [] });

function pem(type: string, der: Buffer): string {
  return `-----BEGIN ${type}-----\n${der.toString('base64')}\n-----END ${type}-----\n`;
}

/** The request with another byte in its signature. */
function forged(): Buffer {
  const bytes = Buffer.from(request);
  bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1);
  return bytes;
}

const TYPE = 'PEM block type must be CERTIFICATE REQUEST';
const REQUEST = 'CERTIFICATE REQUEST';
const STRUCTURE =
  "asn1: structure error: tags don't match (16 vs {class:0 tag:2 length:1 isCompound:false}) {optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false} certificateRequest @2";

const cases: Record<string, [string, string | undefined]> = {
  'nothing wrong with a signed one': [toRequestPem(request), undefined],
  'nothing wrong with text around it': [`hello\n${toRequestPem(request)}bye`, undefined],
  'no block in plain text': ['a', TYPE],
  'another block': [pem('X', request), TYPE],
  'an empty block': [pem(REQUEST, Buffer.alloc(0)), 'asn1: syntax error: sequence truncated'],
  'a cut block': [pem(REQUEST, request.subarray(0, 50)), 'asn1: syntax error: data truncated'],
  'more behind it': [pem(REQUEST, Buffer.concat([request, Buffer.from([0])])), 'asn1: syntax error: trailing data'],
  'something else': [pem(REQUEST, Buffer.from([2, 1, 0])), STRUCTURE],
  'a forged signature': [pem(REQUEST, forged()), 'x509: ECDSA verification failure'],
};

describe('requestFault', () => {
  for (const [name, [text, fault]] of Object.entries(cases))
    it(`finds ${name}`, () => assert.equal(requestFault(Buffer.from(text)), fault));
});
