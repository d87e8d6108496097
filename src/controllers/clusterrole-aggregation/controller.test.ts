import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterRole } from '../../generated/api/rbac/v1.ts';
import { secrets } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { planRules } from './controller.ts';

describe('planRules', () => {
  it('joins the rules of the roles selected, by name and each once', () => {
    const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
    const role = (name: string, resources: string[], labels = { to: 'view' }): ClusterRole => ({
      metadata: { name, labels },
      rules: resources.map(rule),
    });
    const view: ClusterRole = {
      metadata: { name: 'view', labels: { to: 'view' } },
      rules: [rule('stale')],
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'view' } }] },
    };
    const all = [view, role('b', ['pods', 'secrets']), role('a', ['pods']), role('c', ['nodes'], { to: 'admin' })];
    assert.deepEqual(planRules(view, all), [rule('pods'), rule('secrets')]);
  });
});

describe('the token cleaner', () => {
  it('deletes bootstrap tokens that have expired and keeps the others', async () => {
    await using cluster = startControllers(['bootstrap-token-cleaner-controller']);
    const { server, until, settle } = cluster;
    const token = (name: string, expiration: string) => ({
      metadata: { name, namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      data: { expiration: Buffer.from(expiration).toString('base64') },
    });
    server.put(secrets, token('old', '2020-01-01T00:00:00Z'), token('new', '2999-01-01T00:00:00Z'));
    await until(() => server.find(secrets, 'kube-system', 'old') === undefined);
    await settle();
    assert.notEqual(server.find(secrets, 'kube-system', 'new'), undefined);
  });
});
