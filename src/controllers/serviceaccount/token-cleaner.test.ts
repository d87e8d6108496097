import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Secret, ServiceAccount } from '../../generated/api/core/v1.ts';
import { secretsOf } from './pod-secrets.ts';
import { planToken, type TokenFacts, type TokenPlan } from './token-cleaner.ts';

const nowMs = Date.UTC(2030, 5, 15, 12);
const account: ServiceAccount = { metadata: { name: 'a' }, secrets: [{ name: 'a-token' }] };
const token = (labels: Record<string, string> = {}, more: Partial<Secret['metadata']> = {}): Secret => ({
  metadata: { name: 'a-token', creationTimestamp: '2028-01-01T00:00:00Z', labels, ...more },
  type: 'kubernetes.io/service-account-token',
});
const used = (day: string) => ({ 'kubernetes.io/legacy-token-last-used': day });
const invalid = (day: string) => ({ 'kubernetes.io/legacy-token-invalid-since': day });

describe('planToken', () => {
  const free: TokenFacts = { account, mounted: false };
  const cases: Record<string, [Secret, TokenFacts, TokenPlan]> = {
    'marks one that nobody has used': [token(), free, 'invalidate'],
    'marks one that was last used more than a year ago': [token(used('2029-06-14')), free, 'invalidate'],
    'keeps one that was used within a year': [token(used('2029-06-15')), free, 'keep'],
    'keeps one whose last use cannot be read': [token(used('soon')), free, 'keep'],
    'keeps a young one': [token({}, { creationTimestamp: '2030-01-01T00:00:00Z' }), free, 'keep'],
    'keeps one that its account does not list, since it was made by hand': [
      token(),
      { account: { metadata: { name: 'a' } }, mounted: false },
      'keep',
    ],
    'keeps one that a pod mounts': [token(), { account, mounted: true }, 'keep'],
    'keeps one that was marked within a year': [token(invalid('2029-12-01')), free, 'keep'],
    'deletes one that was marked more than a year ago': [token(invalid('2029-06-01')), free, 'delete'],
    'keeps other Secrets': [{ ...token(), type: 'Opaque' }, free, 'keep'],
  };
  for (const [name, [secret, facts, wanted]] of Object.entries(cases)) {
    it(name, () => assert.equal(planToken(secret, facts, nowMs), wanted));
  }
});

describe('secretsOf', () => {
  it('finds every kind of use', () => {
    const pod: Pod = {
      metadata: { name: 'p' },
      spec: {
        imagePullSecrets: [{ name: 'pull' }],
        initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'from' } }] }],
        containers: [{ name: 'c', env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }] }],
        volumes: [
          { name: 'a', secret: { secretName: 'volume' } },
          { name: 'b', projected: { sources: [{ secret: { name: 'projected' } }, {}] } },
          { name: 'c', csi: { driver: 'd', nodePublishSecretRef: { name: 'csi' } } },
          { name: 'd', rbd: { image: 'i', monitors: [], secretRef: { name: 'rbd' } } },
        ],
      },
    };
    assert.deepEqual(secretsOf(pod), ['pull', 'from', 'env', 'volume', 'projected', 'csi', 'rbd']);
  });
});
