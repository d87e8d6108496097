import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverChecks } from './server-checks.ts';

async function failing(which: 'healthz' | 'livez' | 'readyz', started: boolean, datastore: boolean): Promise<string[]> {
  const askDatastore = async () => {
    if (!datastore) throw new Error('gone');
  };
  const checks = serverChecks({ started: () => started, askDatastore })[which] ?? [];
  const names: string[] = [];
  for (const { name, check } of checks) {
    try {
      await check(AbortSignal.abort());
    } catch {
      names.push(name);
    }
  }
  return names;
}

describe('serverChecks', () => {
  it('lets everything pass once the server has started', async () => {
    for (const which of ['healthz', 'livez', 'readyz'] as const) assert.deepEqual(await failing(which, true, true), []);
  });

  it('names what a start has not done', async () => {
    assert.ok((await failing('readyz', false, true)).includes('poststarthook/rbac/bootstrap-roles'));
    assert.deepEqual(await failing('livez', false, true), []);
  });

  it('is not ready without its datastore, but alive', async () => {
    assert.deepEqual(await failing('readyz', true, false), ['etcd', 'etcd-readiness']);
    assert.deepEqual(await failing('livez', true, false), []);
  });
});
