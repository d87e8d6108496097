import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { toKubeconfig } from '../pki/kubeconfig.ts';
import { mergeContext } from './connect.ts';

const tenant = (server: string) => toKubeconfig({ server, caPem: 'ca', name: 'demo', clientCert: 'c', clientKey: 'k' });

describe('mergeContext', () => {
  it('makes a kubeconfig where there was none', () => {
    const made = parse(mergeContext('', tenant('https://192.0.2.1:30443'), 'warren-default-demo'));
    assert.equal(made['current-context'], 'warren-default-demo');
    assert.equal(made.clusters[0].cluster.server, 'https://192.0.2.1:30443');
    assert.deepEqual(made.contexts[0].context, { cluster: 'warren-default-demo', user: 'warren-default-demo' });
  });

  it('replaces its own entries and leaves all others as they are', () => {
    const mine =
      'apiVersion: v1\nkind: Config\npreferences: {}\ncurrent-context: a\nclusters: [{name: a}]\nusers: null\n';
    const first = mergeContext(mine, tenant('https://192.0.2.1:1'), 'warren-default-demo');
    const second = parse(mergeContext(first, tenant('https://192.0.2.2:2'), 'warren-default-demo'));
    assert.deepEqual(
      second.clusters.map(({ name }: { name: string }) => name),
      ['a', 'warren-default-demo'],
    );
    assert.equal(second.clusters[1].cluster.server, 'https://192.0.2.2:2');
    assert.deepEqual(second.preferences, {});
  });
});
