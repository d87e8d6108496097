import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { User } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { withoutDenied } from './without-denied.ts';

const fingerprint = 'ab'.repeat(32);
const byCertificate = (name: string, groups: readonly string[] = ['system:nodes']): User => ({
  name,
  groups,
  extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
});

const ofPod = (node: string): User => ({
  name: 'system:serviceaccount:default:default',
  groups: [],
  extra: { 'authentication.kubernetes.io/node-name': [node] },
});

const cases: Record<string, [User | undefined, data: Record<string, string> | undefined, known: boolean]> = {
  'everybody without a list': [byCertificate('system:node:n1'), undefined, true],
  'machines that are not on the list': [byCertificate('system:node:n1'), { n2: '' }, true],
  'administrators, whatever the list says': [
    byCertificate('admin', ['system:masters']),
    { [`sha256.${fingerprint}`]: '' },
    true,
  ],
  'tokens of a name on the list': [{ name: 'system:node:n1', groups: [] }, { n1: '' }, true],
  'users who have the name of a machine': [byCertificate('n1', []), { n1: '' }, true],
  'tokens of pods elsewhere': [ofPod('n2'), { n1: '' }, true],
  'no tokens of pods that run on a machine on the list': [ofPod('n1'), { n1: 'stolen' }, false],
  'no machine on the list': [byCertificate('system:node:n1'), { n1: 'stolen' }, false],
  'no certificate on the list': [byCertificate('system:kube-proxy', []), { [`sha256.${fingerprint}`]: '' }, false],
};

describe('withoutDenied', () => {
  for (const [title, [user, data, isKnown]] of Object.entries(cases)) {
    it(`knows ${title}`, async () => {
      const reader = { get: async () => (data === undefined ? undefined : { metadata: {}, data }) };
      const authenticator = withoutDenied({ authenticate: async () => user }, reader as unknown as ObjectReader);
      const found = authenticator.authenticate({} as never, new AbortController().signal);
      if (isKnown) assert.equal(await found, user);
      else await assert.rejects(found, { code: 401 });
    });
  }

  it('tells of connections that pods use', async () => {
    const told: unknown[] = [];
    const connection = { destroy: () => {}, once: () => {} };
    const reader = { get: async () => undefined } as unknown as ObjectReader;
    const inner = { authenticate: async () => ofPod('n1') };
    const authenticator = withoutDenied(inner, reader, (...args) => told.push(args));
    await authenticator.authenticate({ connection } as never, new AbortController().signal);
    assert.deepEqual(told, [[connection, 'n1']]);
  });
});
