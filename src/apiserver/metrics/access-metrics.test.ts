import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import type { AuthorizationAttributes, Credentials, Verdict } from '../call.ts';
import { AccessMetrics } from './access-metrics.ts';

describe('metrics of access', () => {
  const { signal } = new AbortController();
  const setUp = () => {
    const registry = new MetricsRegistry();
    const metrics = new AccessMetrics(registry, new ManualClock(0));
    return { metrics, has: async (line: string) => assert.ok((await registry.text()).includes(`${line}\n`), line) };
  };

  const senders: Record<string, [name: string, label: string]> = {
    'one that everybody has': ['kubelet', 'kubelet'],
    'an address of mail': ['ann@example.com', 'email_id'],
    'any other': ['system:node:a', 'other'],
  };
  for (const [title, [name, label]] of Object.entries(senders))
    it(`sort names into kinds: ${title}`, async () => {
      const { metrics, has } = setUp();
      const authenticator = metrics.authenticator({ authenticate: async () => ({ name, groups: [] }) });
      await authenticator.authenticate({} as Credentials, signal);
      await has(`authenticated_user_requests{username="${label}"} 1`);
      await has('authentication_attempts{result="success"} 1');
    });

  it('count credentials that are wrong, and none at all', async () => {
    const { metrics, has } = setUp();
    const wrong = metrics.authenticator({ authenticate: () => Promise.reject(new Error('bad')) });
    await assert.rejects(wrong.authenticate({} as Credentials, signal));
    await metrics.authenticator({ authenticate: async () => undefined }).authenticate({} as Credentials, signal);
    await has('authentication_attempts{result="error"} 1');
    await has('authentication_attempts{result="failure"} 1');
  });

  const verdicts: Record<string, Verdict> = {
    allowed: { verdict: 'allow', reason: '' },
    denied: { verdict: 'deny', reason: '' },
    'no-opinion': { verdict: 'no-opinion', reason: '' },
    error: { verdict: 'no-opinion', reason: '', error: 'no' },
  };
  for (const [result, verdict] of Object.entries(verdicts))
    it(`count verdicts: ${result}`, async () => {
      const { metrics, has } = setUp();
      const authorizer = metrics.authorizer({ authorize: async () => verdict });
      await authorizer.authorize({ name: 'a', groups: [] }, {} as AuthorizationAttributes, signal);
      await has(`authorization_attempts_total{result="${result}"} 1`);
    });

  it('tell how long certificates last, and which authorizer decided', async () => {
    const { metrics, has } = setUp();
    metrics.certificateUsed(3_000_000);
    metrics.decided('RBAC', 'allow');
    await has('apiserver_client_certificate_expiration_seconds_bucket{le="1800"} 0');
    await has('apiserver_client_certificate_expiration_seconds_bucket{le="3600"} 1');
    await has('apiserver_authorization_decisions_total{decision="allowed",name="rbac",type="RBAC"} 1');
  });
});
