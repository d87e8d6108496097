import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contains, formatCidr, formatIp, overlaps, parseCidr, parseIp, subnetAt, subnetCount } from './cidr.ts';

describe('parseCidr', () => {
  const cases: Record<string, [string, string]> = {
    'keeps a plain range': ['10.42.0.0/16', '10.42.0.0/16'],
    'clears host bits': ['10.42.3.9/24', '10.42.3.0/24'],
    'shortens the longest run of zeros': ['2001:db8:0:1:0:0:0:0/64', '2001:db8:0:1::/64'],
    'reads IPv4 within IPv6': ['::ffff:10.0.0.1/128', '::ffff:a00:1/128'],
    'reads everything': ['0.0.0.0/0', '0.0.0.0/0'],
  };
  for (const [name, [text, wanted]] of Object.entries(cases)) {
    it(name, () => assert.equal(formatCidr(parseCidr(text)), wanted));
  }
  for (const text of ['10.0.0.0', '10.0.0.0/33', 'x/8', '10.0.0/8', '10.0.0.0/8/8', '10.0.0.0/-1']) {
    it(`refuses ${text}`, () => assert.throws(() => parseCidr(text)));
  }
});

describe('ranges', () => {
  it('count and number their subnets', () => {
    const cidr = parseCidr('10.42.0.0/16');
    assert.equal(subnetCount(cidr, 24), 256n);
    assert.equal(formatCidr(subnetAt(cidr, 24, 255n)), '10.42.255.0/24');
    assert.equal(formatCidr(subnetAt(parseCidr('fd00::/48'), 64, 3n)), 'fd00:0:0:3::/64');
    assert.equal(subnetCount(cidr, 8), 0n);
  });
  it('know what lies inside and what overlaps', () => {
    assert.equal(contains(parseCidr('10.0.0.0/8'), parseIp('10.255.255.255')), true);
    assert.equal(contains(parseCidr('10.0.0.0/8'), parseIp('11.0.0.0')), false);
    assert.equal(contains(parseCidr('::/0'), parseIp('11.0.0.0')), false);
    assert.equal(overlaps(parseCidr('10.0.0.0/8'), parseCidr('10.4.0.0/16')), true);
    assert.equal(formatIp(parseIp('::1')), '::1');
  });
});
