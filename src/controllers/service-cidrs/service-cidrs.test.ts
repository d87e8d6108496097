import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServiceCIDR } from '../../generated/api/networking/v1.ts';
import { canGo } from './controller.ts';

const range = (name: string, ...cidrs: string[]): ServiceCIDR =>
  ({ metadata: { name, uid: name }, spec: { cidrs } }) as ServiceCIDR;

describe('a service range that is deleted', () => {
  const rows: [what: string, goes: boolean, others: ServiceCIDR[], addresses: string[]][] = [
    ['goes where no address is in use', true, [], []],
    ['stays while one of its addresses is in use', false, [], ['10.1.0.7']],
    ['goes where only addresses of others are in use', true, [range('b', '10.2.0.0/24')], ['10.2.0.7']],
    ['goes where a larger range holds it', true, [range('b', '10.1.0.0/16')], ['10.1.0.7']],
    ['goes where another range is the same', true, [range('b', '10.1.0.0/24')], ['10.1.0.7']],
    ['goes where a smaller range holds what is in use', true, [range('b', '10.1.0.0/28')], ['10.1.0.7']],
    ['stays where a smaller range does not', false, [range('b', '10.1.0.0/28')], ['10.1.0.77']],
    ['stays for addresses of its other family', false, [range('b', '10.1.0.0/16')], ['fd00::7']],
  ];
  for (const [what, goes, others, addresses] of rows) {
    it(what, () => {
      const own = range('a', '10.1.0.0/24', ...(what.includes('family') ? ['fd00::/112'] : []));
      assert.equal(canGo(own, [own, ...others], addresses), goes);
    });
  }
});
