import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalAddress } from './canonical-address.ts';

const cases: Record<string, string | undefined> = {
  '10.0.0.1': '10.0.0.1',
  '::1': '::1',
  '0:0:0:0:0:0:0:1': '::1',
  'FD00:0042::7': 'fd00:42::7',
  '::ffff:127.0.0.1': '127.0.0.1',
  '::ffff:7f00:1': '127.0.0.1',
  '0:0:0:0:0:ffff:a9fe:a9fe': '169.254.169.254',
  'fe80::1%eth0': undefined,
  '127.1': undefined,
  '0177.0.0.1': undefined,
  '0x7f000001': undefined,
  '2130706433': undefined,
  localhost: undefined,
  '': undefined,
};

describe('canonicalAddress', () => {
  for (const [text, wanted] of Object.entries(cases)) {
    it(`reads ${JSON.stringify(text)} as ${wanted}`, () => assert.equal(canonicalAddress(text), wanted));
  }
});
