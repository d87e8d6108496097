import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exponentialBuckets } from './histogram-family.ts';
import { MetricsRegistry } from './metrics-registry.ts';
import { formatFloat } from './text.ts';

const numbers: Record<string, number> = {
  '0': 0,
  '12': 12,
  '0.005': 0.005,
  '0.0001': 0.0001,
  '1e-05': 1e-5,
  '9.999999999999999e-05': 9.999999999999999e-5,
  '999999': 999_999,
  '1e+06': 1e6,
  '1.048576e+06': 2 ** 20,
  '1.8446744073709552e+19': 2 ** 64,
  '-1.5': -1.5,
  '+Inf': Number.POSITIVE_INFINITY,
  NaN: Number.NaN,
};

describe('numbers in metrics', () => {
  for (const [text, value] of Object.entries(numbers))
    it(`look as Go's: ${text}`, () => assert.equal(formatFloat(value), text));
});

describe('a registry of metrics', () => {
  it('writes families by name, series by labels, and labels by name', async () => {
    const registry = new MetricsRegistry();
    const requests = registry.counter({
      name: 'b_total',
      help: 'Requests.',
      stability: 'STABLE',
      labels: ['verb', 'code'],
    });
    requests.add(requests.series('GET', '500'), 2);
    requests.add(requests.series('GET', '200'));
    requests.add(requests.series('GET', '500'));
    registry.gauge({ name: 'a', help: 'Without labels.' });
    assert.equal(
      await registry.text(),
      [
        '# HELP a Without labels.',
        '# TYPE a gauge',
        'a 0',
        '# HELP b_total [STABLE] Requests.',
        '# TYPE b_total counter',
        'b_total{code="200",verb="GET"} 1',
        'b_total{code="500",verb="GET"} 3',
        '',
      ].join('\n'),
    );
  });

  it('sums buckets up, bounds belonging to the bucket below', async () => {
    const registry = new MetricsRegistry();
    const times = registry.histogram({
      name: 't',
      help: 'Times.',
      labels: ['of'],
      buckets: exponentialBuckets(1, 10, 2),
    });
    for (const value of [1, 5, 50]) times.observe(times.series('x'), value);
    const lines = (await registry.text()).split('\n').slice(2, -1);
    assert.deepEqual(lines, [
      't_bucket{of="x",le="1"} 1',
      't_bucket{of="x",le="10"} 2',
      't_bucket{of="x",le="+Inf"} 3',
      't_sum{of="x"} 56',
      't_count{of="x"} 3',
    ]);
    assert.equal(times.count(times.series('x')), 3);
  });

  it('says nothing of families without series, and keeps series apart as they come and go', async () => {
    const registry = new MetricsRegistry();
    const phases = registry.gauge({ name: 'phase', help: 'Phase.', labels: ['name'] });
    assert.equal(await registry.text(), '');
    phases.set(phases.series('a'), 1);
    phases.remove('a');
    phases.set(phases.series('b\n"\\'), 2);
    phases.add(phases.series('c'));
    assert.deepEqual((await registry.text()).split('\n').slice(2, -1), [
      'phase{name="b\\n\\"\\\\"} 2',
      'phase{name="c"} 1',
    ]);
  });

  it('asks collectors at each reading, and survives one that fails', async () => {
    const registry = new MetricsRegistry();
    const size = registry.gauge({ name: 'size', help: 'Size.' });
    registry.collect(() => size.set(0, size.get(0) + 1));
    registry.collect(() => {
      throw new Error('no');
    });
    await registry.text();
    assert.match(await registry.text(), /^size 2$/m);
  });

  it('gives the same family to all who ask for its name', () => {
    const registry = new MetricsRegistry();
    assert.equal(registry.counter({ name: 'a', help: '' }), registry.counter({ name: 'a', help: '' }));
    assert.throws(() => registry.histogram({ name: 'a', help: '', buckets: [] }), /another type/);
  });
});
