import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest } from '../../../generated/api/certificates/v1.ts';
import { createAuthority } from '../../../pki/certificate.ts';
import { createCertificateRequest, toRequestPem } from '../../../pki/certificate-request.ts';
import { newKey } from '../../../pki/keys.ts';
import { createFaults, decoded, updated } from '../../../testing/strategy-runs.ts';
import { certificateSigningRequestResource as kind, prepareForApproval, validateApproval } from './definition.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const request = base64(toRequestPem(createCertificateRequest(newKey(), { commonName: 'jane', organizations: [] })));
const spec = { request, signerName: 'example.com/s', usages: ['client auth'] };
const certificate = base64(createAuthority('ca', { nowMs: 0 }).certPem);
const approved = { type: 'Approved', status: 'True' };
const TIME = '2030-01-01T00:00:00Z';
const stamped = { ...approved, lastUpdateTime: TIME, lastTransitionTime: TIME };

const cases: Record<string, [object, string[]]> = {
  'take a plain one': [spec, []],
  'ask for a signer by a full name': [
    { ...spec, signerName: 'plain' },
    [
      'spec.signerName: Invalid value: "plain": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
    ],
  ],
  'refuse the old signer': [
    { ...spec, signerName: 'kubernetes.io/legacy-unknown' },
    [
      'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
    ],
  ],
  'last ten minutes at least': [
    { ...spec, expirationSeconds: 599 },
    ['spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)'],
  ],
  'name each usage once': [{ ...spec, usages: ['any', 'any'] }, ['spec.usages[1]: Duplicate value: "any"']],
  'show the request in base64': [
    { ...spec, request: 'YQ==' },
    ['spec.request: Invalid value: "YQ==": PEM block type must be CERTIFICATE REQUEST'],
  ],
};

function approve(previous: object, status: object): { status: unknown; faults: string[] } {
  const before = decoded(kind, previous) as unknown as CertificateSigningRequest;
  const next = decoded(kind, { spec: {}, status }) as unknown as CertificateSigningRequest;
  prepareForApproval(next, before);
  return { status: next.status, faults: validateApproval(next, before).map(String) };
}

describe('certificate requests', () => {
  for (const [name, [body, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, { spec: body }), faults));

  it('keep their spec and status through themselves', () => {
    const before = { spec, status: { certificate } };
    const { object, faults } = updated(kind, before, { spec: {}, status: { conditions: [approved] } });
    assert.deepEqual([object['spec'], object['status'], faults], [spec, { certificate }, []]);
  });

  it('get times with their approval, and keep their certificate', () => {
    const { status, faults } = approve(
      { spec, status: { certificate } },
      { conditions: [approved], certificate: 'YQ==' },
    );
    const { conditions, certificate: kept } = status as {
      conditions: { lastUpdateTime: string }[];
      certificate: string;
    };
    assert.deepEqual([kept, faults], [certificate, []]);
    assert.match(conditions[0]?.lastUpdateTime ?? '', /Z$/);
  });

  it('keep the time of a condition that stays', () => {
    const { status } = approve({ spec, status: { conditions: [stamped] } }, { conditions: [approved] });
    const [condition] = (status as { conditions: { lastTransitionTime: string }[] }).conditions;
    assert.equal(condition?.lastTransitionTime, TIME);
  });

  it('are approved or denied, for good, and only truly', () => {
    const denied = { type: 'Denied', status: 'False' };
    assert.deepEqual(approve({ spec }, { conditions: [approved, denied] }).faults, [
      'status.conditions[1].status: Unsupported value: "False": supported values: "True"',
      'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
    ]);
    assert.deepEqual(approve({ spec, status: { conditions: [stamped] } }, {}).faults, [
      'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
    ]);
  });

  it('are not approved through their status', () => {
    const { faults } = updated(kind, { spec }, { spec, status: { conditions: [approved] } }, 'StatusUpdate');
    assert.deepEqual(faults, ['status.conditions: Forbidden: updates may not add a condition of type "Approved"']);
    const quiet = { spec, status: { conditions: [{ ...approved, reason: 'other' }] } };
    const { object } = updated(kind, { spec, status: { conditions: [stamped] } }, quiet, 'StatusUpdate');
    assert.deepEqual(object['status'], { conditions: [stamped] });
  });

  it('get one certificate, once', () => {
    assert.deepEqual(updated(kind, { spec }, { spec, status: { certificate } }, 'StatusUpdate').faults, []);
    const bad = { spec, status: { certificate: 'YQ==' } };
    assert.deepEqual(updated(kind, { spec }, bad, 'StatusUpdate').faults, [
      'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
    ]);
    assert.deepEqual(updated(kind, { spec, status: { certificate } }, { spec }, 'StatusUpdate').faults, [
      'status.certificate: Forbidden: updates may not modify existing certificate content',
    ]);
  });

  it('tell their state in tables', () => {
    const show = (status: object): unknown =>
      kind.columns.find(({ name }) => name === 'Condition')?.cell(decoded(kind, { spec, status }), { nowMs: 0 });
    assert.equal(show({}), 'Pending');
    assert.equal(show({ certificate }), 'Pending,Issued');
    assert.equal(show({ conditions: [approved, { type: 'Failed', status: 'True' }] }), 'Approved,Failed');
  });
});
