import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reachOf } from './node-reach.ts';

describe('reachOf', () => {
  it('says nothing of a node that is not there', () => assert.equal(reachOf(undefined, []), undefined));

  it('reaches as far as the node says', () => {
    const node = {
      spec: {},
      metadata: { name: 'n1', labels: { 'egress.k3s.io/cluster': 'true' } },
      status: {
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: 9000 } },
      },
    };
    assert.deepEqual(reachOf(node, ['10.42.0.0/16']), {
      addresses: ['10.0.0.1'],
      kubeletPort: 9000,
      servesCluster: true,
      networks: ['10.42.0.0/16'],
    });
  });
});
