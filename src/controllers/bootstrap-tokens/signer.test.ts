import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '../../generated/api/core/v1.ts';
import { planSignatures, sign, signingToken } from './signer.ts';

const now = Date.UTC(2030, 0, 1);
const encode = (data: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
const token = (data: Record<string, string>, name = 'bootstrap-token-abcdef'): Secret => ({
  metadata: { name },
  data: encode({ 'token-id': 'abcdef', 'token-secret': 's', 'usage-bootstrap-signing': 'true', ...data }),
});

describe('signingToken', () => {
  const cases: Record<string, [Secret, boolean]> = {
    'signs with a token that is for it': [token({}), true],
    'leaves a token that is for something else': [token({ 'usage-bootstrap-signing': 'false' }), false],
    'leaves a token that has expired': [token({ expiration: '2029-12-31T00:00:00Z' }), false],
    'signs until the end': [token({ expiration: '2030-01-02T00:00:00Z' }), true],
    'leaves a token whose Secret has another name': [token({}, 'bootstrap-token-zzzzzz'), false],
    'leaves one without a secret part': [token({ 'token-secret': '' }), false],
  };
  for (const [name, [secret, signs]] of Object.entries(cases)) {
    it(name, () => assert.equal(signingToken(secret, now) !== undefined, signs));
  }
});

describe('planSignatures', () => {
  const tokens = [{ id: 'abcdef', secret: 's' }];
  const signed = { kubeconfig: 'K', 'jws-kubeconfig-abcdef': sign('K', 'abcdef', 's') };
  it('adds, renews and removes signatures, and leaves what is right', () => {
    assert.deepEqual(planSignatures({ kubeconfig: 'K' }, tokens), signed);
    assert.deepEqual(planSignatures({ ...signed, 'jws-kubeconfig-abcdef': 'old' }, tokens), signed);
    assert.deepEqual(planSignatures(signed, []), { kubeconfig: 'K' });
    assert.equal(planSignatures(signed, tokens), undefined);
    assert.equal(planSignatures({ other: 'x' }, tokens), undefined);
  });
  it('leaves the content out of a signature, which names its token', () => {
    const [header = '', content, signature = ''] = sign('K', 'abcdef', 's').split('.');
    assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url').toString()), { alg: 'HS256', kid: 'abcdef' });
    assert.equal(content, '');
    assert.equal(Buffer.from(signature, 'base64url').length, 32);
  });
});
