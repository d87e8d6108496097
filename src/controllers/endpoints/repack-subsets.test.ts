import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { repackSubsets } from './repack-subsets.ts';

describe('repackSubsets', () => {
  it('joins ports of the same addresses, and takes an address as it was first described', () => {
    const [a, b] = [
      { name: 'a', port: 80 },
      { name: 'b', port: 90 },
    ];
    const host = { ip: '192.0.2.1', hostname: 'h' };
    assert.deepEqual(
      repackSubsets([
        { addresses: [host], ports: [a] },
        { addresses: [{ ip: '192.0.2.1' }], ports: [b] },
      ]),
      [{ addresses: [host], notReadyAddresses: [], ports: [a, b] }],
    );
  });
  it('takes an address for not ready that is so anywhere, and keeps subsets without ports', () => {
    const address = { ip: '192.0.2.1' };
    assert.deepEqual(repackSubsets([{ addresses: [address] }, { notReadyAddresses: [address] }]), [
      { addresses: [], notReadyAddresses: [address], ports: [] },
    ]);
  });
});
