import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultConfiguration, parseSchedulerConfiguration } from './configuration.ts';
import { filterPlugins } from './plugins/index.ts';

const read = (more: object) =>
  parseSchedulerConfiguration({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    ...more,
  });
const only = (plugins: object) => [...read({ profiles: [{ plugins }] }).values()][0];
const scoresOf = (plugins: object): Record<string, number> =>
  Object.fromEntries((only(plugins)?.scores ?? []).map(({ name, weight }) => [name, weight]));

describe('parseSchedulerConfiguration', () => {
  it('is as without one where nothing is said', () => {
    assert.deepEqual([...read({}).keys()], [...defaultConfiguration.keys()]);
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
    const profiles = read({
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
    'refuses two profiles of one name': [{ profiles: [{}, {}] }, /profiles\[1\]\.schedulerName: Duplicate value/],
    'refuses more than all nodes': [{ percentageOfNodesToScore: 101 }, /not in valid range \[0-100\]/],
    'refuses a way to score that is not served': [
      {
        profiles: [
          {
            pluginConfig: [
              { name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'RequestedToCapacityRatio' } } },
            ],
          },
        ],
      },
      /"RequestedToCapacityRatio" is not served/,
    ],
  };
  for (const [name, [more, message]] of Object.entries(faults)) {
    it(name, () => assert.throws(() => read(more), message));
  }
});
