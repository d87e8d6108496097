import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withDefaults } from '../api/virtual-cluster.ts';
import { toSecretData } from '../observed.ts';
import { kubeconfigStep } from './kubeconfig.ts';

const DAY_MS = 24 * 3600_000;

describe("the administrator's kubeconfig", () => {
  const ca = Buffer.from('ca').toString('base64');
  const present = (url: string, authority = ca): string => `server: ${url}\n${authority}`;
  const url = 'https://192.0.2.1:30000';
  const rows: Record<string, [text: string | undefined, endsInDays: number, isMade: boolean]> = {
    'is made where there is none': [undefined, 0, true],
    'stays while it has long to live': [present(url), 61, false],
    'is made anew 60 days before its certificate ends': [present(url), 59, true],
    'is made anew where the tenant is reached elsewhere': [present('https://192.0.2.2:30000'), 300, true],
    'is made anew where the authority is another one': [present(url, 'b2xk'), 300, true],
  };
  for (const [title, [text, days, isMade]] of Object.entries(rows)) {
    it(title, async () => {
      const observed = {
        cluster: { metadata: { name: 'demo', namespace: 'default' }, spec: {} },
        spec: withDefaults({ exposure: { hosts: ['192.0.2.1'] } }),
        service: { spec: { ports: [{ port: 30_000 }] } },
        pkiSecret: { data: toSecretData({ 'server-ca.crt': 'ca' }) },
        kubeconfigSecret: text === undefined ? undefined : { data: toSecretData({ 'kubeconfig.yaml': text }) },
        resolved: new Map(),
        nodes: [],
        pods: [],
        nowMs: 0,
      };
      const keys = { kubeconfigEndsMs: () => days * DAY_MS, adminKubeconfig: async () => 'new' };
      const outcome = await kubeconfigStep.plan(observed as never, keys as never);
      assert.equal(outcome.kind === 'want' && outcome.objects.length === 1, isMade);
    });
  }
});
