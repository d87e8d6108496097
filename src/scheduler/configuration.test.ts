import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../generated/api/core/v1.ts';
import { makeNode, makePod, makeSnapshot } from '../testing/scheduling.ts';
import { toPodInfo } from './cache/pod-info.ts';
import { defaultConfiguration, parseSchedulerConfiguration } from './configuration.ts';
import { decide } from './cycle.ts';
import { parseSchedulerFlags } from './flags.ts';
import type { Snapshot } from './framework/plugin.ts';
import { filterPlugins } from './plugins/index.ts';

const read = (more: object) =>
  parseSchedulerConfiguration({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    ...more,
  });
const only = (plugins: object) => [...read({ profiles: [{ plugins }] }).profiles.values()][0];
const scoresOf = (plugins: object): Record<string, number> =>
  Object.fromEntries((only(plugins)?.scores ?? []).map(({ name, weight }) => [name, weight]));

describe('parseSchedulerConfiguration', () => {
  it('is as without one where nothing is said', () => {
    assert.deepEqual([...read({}).profiles.keys()], [...defaultConfiguration.profiles.keys()]);
    assert.deepEqual(scoresOf({}), {
      TaintToleration: 3,
      NodeAffinity: 2,
      PodTopologySpread: 2,
      InterPodAffinity: 2,
      DynamicResources: 2,
      NodeResourcesFit: 1,
      NodeResourcesBalancedAllocation: 1,
      ImageLocality: 1,
    });
  });

  it('knows several profiles, each with a share of the nodes', () => {
    const { profiles } = read({
      percentageOfNodesToScore: 30,
      profiles: [{ schedulerName: 'a' }, { schedulerName: 'b', percentageOfNodesToScore: 70 }],
    });
    const shares = [...profiles.values()].map(({ name, percentageOfNodesToScore }) => [name, percentageOfNodesToScore]);
    assert.deepEqual(shares, [
      ['a', 30],
      ['b', 70],
    ]);
  });

  const cases: Record<string, [plugins: object, wanted: Record<string, number>]> = {
    'keeps only what is enabled where all else is off': [
      { score: { disabled: [{ name: '*' }], enabled: [{ name: 'ImageLocality', weight: 5 }] } },
      { ImageLocality: 5 },
    ],
    'takes weights for every point': [
      {
        multiPoint: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeAffinity', weight: 9 }, { name: 'NodeName' }] },
      },
      { NodeAffinity: 9 },
    ],
    'prefers the weight of the point itself': [
      {
        multiPoint: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeAffinity', weight: 9 }] },
        score: { enabled: [{ name: 'NodeAffinity', weight: 4 }] },
      },
      { NodeAffinity: 4 },
    ],
  };
  for (const [name, [plugins, wanted]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(scoresOf(plugins), wanted));
  }

  it('leaves a filter out that is switched off', () => {
    const profile = only({ filter: { disabled: [{ name: 'NodePorts' }] } });
    assert.equal(profile?.filters.length, filterPlugins.length - 1);
    assert.ok(!profile?.filters.some(({ name }) => name === 'NodePorts'));
  });

  const faults: Record<string, [object, RegExp]> = {
    'refuses another version': [{ apiVersion: 'kubescheduler.config.k8s.io/v1beta3' }, /is wanted/],
    'refuses a plugin that nobody knows': [
      { profiles: [{ plugins: { score: { enabled: [{ name: 'Mine' }] } } }] },
      /profiles\[0\]\.plugins\.score\.enabled\[0\]: "Mine" is not a known plugin/,
    ],
    'refuses two profiles of one name': [
      { profiles: [{ schedulerName: 'a' }, { schedulerName: 'a' }] },
      /profiles\[1\]\.schedulerName: Duplicate value: "a"/,
    ],
    'refuses more than all nodes': [{ percentageOfNodesToScore: 101 }, /not in valid range \[0-100\]/],
    'refuses profiles without names': [{ profiles: [{}, {}] }, /profiles\[0\]\.schedulerName: Required value/],
    'refuses what nobody knows': [{ profile: [] }, /unknown field "profile"/],
    'refuses servers that it would have to dial': [{ extenders: [{ urlPrefix: 'http://x' }] }, /dials nothing outside/],
  };
  const badArguments: Record<string, [name: string, args: object, message: RegExp]> = {
    'a line without points': [
      'NodeResourcesFit',
      { scoringStrategy: { type: 'RequestedToCapacityRatio' } },
      /scoringStrategy\.requestedToCapacityRatio: Required value: must be specified when type is/,
    ],
    'points out of order': [
      'NodeResourcesFit',
      {
        scoringStrategy: {
          type: 'RequestedToCapacityRatio',
          requestedToCapacityRatio: {
            shape: [
              { utilization: 9, score: 1 },
              { utilization: 1, score: 1 },
            ],
          },
        },
      },
      /shape\[1\]\.utilization: Invalid value: 1: values must be sorted in increasing order/,
    ],
    'a way to score that there is not': [
      'NodeResourcesFit',
      { scoringStrategy: { type: 'Best' } },
      /scoringStrategy\.type: Unsupported value: "Best": supported values: "LeastAllocated"/,
    ],
    'a weight that is too high': [
      'InterPodAffinity',
      { hardPodAffinityWeight: 101 },
      /hardPodAffinityWeight: Invalid value: 101: not in valid range \[0, 100\]/,
    ],
    'constraints beside the built-in ones': [
      'PodTopologySpread',
      { defaultConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }] },
      /defaultingType: Invalid value: "System": when \.defaultConstraints are not empty/,
    ],
    'constraints with selectors': [
      'PodTopologySpread',
      {
        defaultingType: 'List',
        defaultConstraints: [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} }],
      },
      /defaultConstraints\[0\]\.labelSelector: Forbidden/,
    ],
    'no candidates at all': [
      'DefaultPreemption',
      { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 },
      /cannot be zero at the same time/,
    ],
    'a time that is none': ['DynamicResources', { bindingTimeout: 'soon' }, /must be at least 1 second/],
    'a field that there is not': ['NodeAffinity', { affinity: {} }, /args: unknown field "affinity"/],
    'a plugin without arguments': ['NodePorts', {}, /"NodePorts" is no plugin that takes arguments/],
  };
  for (const [name, [more, message]] of Object.entries(faults)) {
    it(name, () => assert.throws(() => read(more), message));
  }

  for (const [what, [name, args, message]] of Object.entries(badArguments))
    it(`refuses ${what}`, () => assert.throws(() => read({ profiles: [{ pluginConfig: [{ name, args }] }] }), message));

  const nodeFor = (name: string, args: object, pod: Pod, snapshot: Snapshot): string | undefined => {
    const profile = [...read({ profiles: [{ pluginConfig: [{ name, args }] }] }).profiles.values()][0];
    assert.ok(profile);
    return decide(toPodInfo(pod), snapshot, profile, { random: () => 0, nominatedOn: () => [], startAt: 0 }).nodeName;
  };
  const zone = (name: string) => ({ labels: { zone: name } });
  const asked: Record<string, [name: string, args: object, pod: Pod, snapshot: Snapshot, node: string | undefined]> = {
    'packs pods by a line': [
      'NodeResourcesFit',
      {
        scoringStrategy: {
          type: 'RequestedToCapacityRatio',
          resources: [{ name: 'example.com/gpu', weight: 5 }],
          requestedToCapacityRatio: {
            shape: [
              { utilization: 0, score: 0 },
              { utilization: 100, score: 10 },
            ],
          },
        },
      },
      makePod('p', { requests: { 'example.com/gpu': '1' } }),
      makeSnapshot([
        [makeNode('a', { allocatable: { 'example.com/gpu': '8' } })],
        [
          makeNode('b', { allocatable: { 'example.com/gpu': '8' } }),
          makePod('q', { requests: { 'example.com/gpu': '4' } }),
        ],
      ]),
      'b',
    ],
    'passes over resources that others count': [
      'NodeResourcesFit',
      { ignoredResourceGroups: ['example.com'] },
      makePod('p', { requests: { 'example.com/gpu': '1' } }),
      makeSnapshot([[makeNode('a')]]),
      'a',
    ],
    'keeps all pods to some nodes': [
      'NodeAffinity',
      {
        addedAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['two'] }] }],
          },
        },
      },
      makePod('p'),
      makeSnapshot([[makeNode('a', zone('one'))], [makeNode('b', zone('two'))]]),
      'b',
    ],
    'spreads pods that ask for nothing': [
      'PodTopologySpread',
      {
        defaultingType: 'List',
        defaultConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
      },
      makePod('p', { labels: { app: 'web' } }),
      makeSnapshot(
        [
          [makeNode('a', zone('one')), makePod('q', { labels: { app: 'web' } })],
          [makeNode('b', { ...zone('two'), allocatable: { cpu: '1' } })],
        ],
        { defaultSpread: () => [{ key: 'app', operator: 'In', values: ['web'] }] },
      ),
      'b',
    ],
  };
  for (const [what, [name, args, pod, snapshot, node]] of Object.entries(asked))
    it(what, () => assert.equal(nodeFor(name, args, pod, snapshot), node));
});

describe('parseSchedulerFlags', () => {
  it('knows the flags of kube-scheduler, and takes the last configuration', () => {
    assert.deepEqual(parseSchedulerFlags(['v=4', '--leader-elect=false', 'profiling', 'config=a', 'config=b']), {
      configFile: 'b',
    });
  });
  const refused: Record<string, RegExp> = {
    'feature-gates=GangScheduling=true': /is not served: features are on as they are by default/,
    'colour=blue': /kube-scheduler has no flag "colour"/,
    config: /config wants a file/,
  };
  for (const [arg, message] of Object.entries(refused))
    it(`refuses ${arg}`, () => assert.throws(() => parseSchedulerFlags([arg]), message));
});
