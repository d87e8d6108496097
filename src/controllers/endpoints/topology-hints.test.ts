import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../generated/api/core/v1.ts';
import type { Endpoint, EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { planAllocations, planRatios, TopologyHints, wantsTopologyHints } from './topology-hints.ts';

const node = (zone: string | undefined, cpu: string, more: object = {}): Node => ({
  metadata: { name: 'n', labels: { ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }), ...more } },
  spec: {},
  status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: 'True' }] },
});
const nodes = [node('a', '2'), node('b', '2'), node('c', '2')];
const slice = (zones: string, hints?: string): EndpointSlice => ({
  metadata: { name: 's' },
  addressType: 'IPv4',
  endpoints: Array.from(
    zones,
    (zone, at): Endpoint => ({
      addresses: [`10.0.0.${at}`],
      conditions: { ready: zone !== '-' },
      ...(zone === '?' ? {} : { zone }),
      ...(hints === undefined ? {} : { hints: { forZones: [{ name: hints[at] ?? '' }] } }),
    }),
  ),
});
const hintsOf = (list: readonly EndpointSlice[]): string =>
  list
    .flatMap(({ endpoints }) => endpoints ?? [])
    .map(({ hints }) => hints?.forZones?.[0]?.name ?? '-')
    .join('');
const none = { create: [], update: [], unchanged: [] };

describe('wantsTopologyHints', () => {
  it('asks the older annotation first', () => {
    const mode = (value: string) => ({ 'service.kubernetes.io/topology-mode': value });
    assert.equal(wantsTopologyHints(mode('Auto')), true);
    assert.equal(wantsTopologyHints(mode('Disabled')), false);
    assert.equal(wantsTopologyHints({ ...mode('Auto'), 'service.kubernetes.io/topology-aware-hints': 'off' }), false);
    assert.equal(wantsTopologyHints(undefined), false);
  });
});

describe('planRatios', () => {
  const cases: Record<string, [Node[], Record<string, number> | undefined]> = {
    'adds up the CPUs of each zone': [[...nodes, node('a', '2')], { a: 0.5, b: 0.25, c: 0.25 }],
    'leaves control planes out': [
      [node('a', '1'), node('b', '1'), node('c', '8', { 'node-role.kubernetes.io/control-plane': '' })],
      { a: 0.5, b: 0.5 },
    ],
    'knows nothing while a node has no zone': [[...nodes, node(undefined, '2')], undefined],
    'knows nothing of a single zone': [[node('a', '2')], undefined],
  };
  for (const [name, [list, wanted]] of Object.entries(cases)) {
    it(name, () => {
      const ratios = planRatios(list);
      assert.deepEqual(ratios === undefined ? undefined : Object.fromEntries(ratios), wanted);
    });
  }
});

describe('planAllocations', () => {
  const ratios = planRatios(nodes);
  it('says why endpoints cannot be allotted', () => {
    assert.equal(planAllocations(ratios, 2), 'Insufficient number of endpoints (2 endpoints, 3 zones)');
    assert.equal(
      planAllocations(ratios, 4),
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (4 endpoints, 3 zones)',
    );
    assert.match(String(planAllocations(undefined, 9)), /^Insufficient Node information: /);
  });
  it('leaves each zone room above its least', () => {
    const allocations = planAllocations(ratios, 10);
    assert.ok(typeof allocations !== 'string');
    assert.deepEqual(allocations.get('a'), { minimum: 3, maximum: 4, desired: (1 / 3) * 10 });
  });
});

describe('TopologyHints', () => {
  it('hints at the own zone, tells so once, and keeps slices that are right', () => {
    const hints = new TopologyHints();
    hints.setNodes(nodes);
    const first = hints.add('d/web', 'IPv4', { ...none, create: [slice('abc-')] });
    assert.equal(hintsOf(first.create), 'abc-');
    assert.deepEqual(
      first.events.map(({ message }) => message),
      ['Topology Aware Hints has been enabled, addressType: IPv4'],
    );
    const second = hints.add('d/web', 'IPv4', { ...none, unchanged: first.create });
    assert.deepEqual([second.create, second.update, second.events], [[], [], []]);
  });
  it('lends endpoints to zones that have too few', () => {
    const hints = new TopologyHints();
    hints.setNodes(nodes);
    const { update } = hints.add('d/web', 'IPv4', { ...none, unchanged: [slice('aaaabbbcc')] });
    assert.equal(hintsOf(update), 'caaabbbcc');
  });
  it('takes hints off, and says why, where endpoints are too few or their zone is unknown', () => {
    const hints = new TopologyHints();
    hints.setNodes(nodes);
    const few = hints.add('d/web', 'IPv4', { ...none, unchanged: [slice('ab', 'ab')] });
    assert.equal(hintsOf(few.update), '--');
    assert.equal(few.events[0]?.reason, 'TopologyAwareHintsDisabled');
    const unknown = hints.add('d/web', 'IPv4', { ...none, create: [slice('abc?bc')] });
    assert.equal(unknown.events[0]?.message, 'One or more endpoints do not have a zone specified, addressType: IPv4');
  });
  it('names the services that a change of nodes overloads, and tells where hints end', () => {
    const hints = new TopologyHints();
    hints.setNodes(nodes);
    hints.add('d/web', 'IPv4', { ...none, create: [slice('abc')] });
    assert.deepEqual(hints.setNodes(nodes), []);
    assert.deepEqual(hints.setNodes([...nodes, node('d', '2')]), ['d/web']);
    assert.equal(hints.drop('d/web', 'IPv4')[0]?.reason, 'TopologyAwareHintsDisabled');
    assert.deepEqual(hints.drop('d/web', 'IPv4'), []);
  });
});
