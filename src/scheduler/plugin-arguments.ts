import type { NodeAffinity, TopologySpreadConstraint } from '../generated/api/core/v1.ts';
import { parseDurationMs } from '../machinery/values/duration.ts';
import { ConfigurationError, type Fields, invalid, toFields, toList, toWhole, toWord } from './configuration-fields.ts';
import type { DeviceTimeouts } from './devices/device-scheduling.ts';
import { defaultArguments, type PluginArguments } from './plugins/index.ts';
import type { ScoringStrategy, ShapePoint, WeightedResource } from './plugins/resource-scores.ts';
import { type CandidateLimits, defaultLimits } from './preemption/preemption.ts';

/** All that a profile's `pluginConfig` can say. */
export interface ProfileArguments extends PluginArguments {
  readonly devices: DeviceTimeouts;
  /** How long volumes of a pod may take to be bound, in milliseconds. */
  readonly bindTimeoutMs: number;
  readonly preemption: CandidateLimits;
}

/** Upstream lets the search on one node take 10 seconds; here it keeps the whole server waiting. */
const FILTER_TIMEOUT_MS = 1_000;

export const defaultProfileArguments: ProfileArguments = {
  ...defaultArguments,
  devices: { filterTimeoutMs: FILTER_TIMEOUT_MS, bindingTimeoutMs: 600_000 },
  bindTimeoutMs: 600_000,
  preemption: defaultLimits,
};

type Reader = (args: Fields, path: string) => Partial<ProfileArguments>;
const META = ['apiVersion', 'kind'];

/** Source: `pkg/scheduler/apis/config/v1/defaults.go`, `apis/config/validation/validation_pluginargs.go`. */
const readers: Readonly<Record<string, Reader>> = {
  NodeResourcesFit(args, path) {
    const fields = toFields(args, path, [...META, 'ignoredResources', 'ignoredResourceGroups', 'scoringStrategy']);
    const names = (field: string) => toList(fields[field], `${path}.${field}`).map(String);
    const ignoredResourceGroups = names('ignoredResourceGroups');
    for (const [index, group] of ignoredResourceGroups.entries())
      if (group.includes('/'))
        throw invalid(`${path}.ignoredResourceGroups[${index}]`, group, "resource group name can't contain '/'");
    return {
      fit: { ignoredResources: names('ignoredResources'), ignoredResourceGroups },
      scoringStrategy: toStrategy(fields['scoringStrategy'], `${path}.scoringStrategy`),
    };
  },
  NodeResourcesBalancedAllocation(args, path) {
    const { resources } = toFields(args, path, [...META, 'resources']);
    const balancedResources = toResources(resources, `${path}.resources`);
    for (const [index, { name, weight }] of balancedResources.entries()) {
      if (weight !== 1) throw invalid(`${path}.resources[${index}].weight`, weight, 'must be 1');
      if (balancedResources.findIndex((each) => each.name === name) !== index)
        throw new ConfigurationError(`${path}.resources[${index}].name: Duplicate value: "${name}"`);
    }
    return { balancedResources };
  },
  NodeAffinity(args, path) {
    const { addedAffinity } = toFields(args, path, [...META, 'addedAffinity']);
    const at = `${path}.addedAffinity`;
    const fields = toFields(addedAffinity, at, [REQUIRED, PREFERRED]);
    const terms = toFields(fields[REQUIRED], `${at}.${REQUIRED}`, ['nodeSelectorTerms'])['nodeSelectorTerms'];
    if (fields[REQUIRED] !== undefined && toList(terms, `${at}.${REQUIRED}.nodeSelectorTerms`).length === 0)
      throw new ConfigurationError(`${at}.${REQUIRED}.nodeSelectorTerms: Required value`);
    toList(fields[PREFERRED], `${at}.${PREFERRED}`);
    return addedAffinity === undefined ? {} : { addedAffinity: fields as NodeAffinity };
  },
  PodTopologySpread(args, path) {
    const fields = toFields(args, path, [...META, 'defaultConstraints', 'defaultingType']);
    const type = toWord(fields['defaultingType'], `${path}.defaultingType`, ['System', 'List'], 'System');
    const constraints = toList(fields['defaultConstraints'], `${path}.defaultConstraints`);
    if (type === 'System' && constraints.length > 0)
      throw invalid(`${path}.defaultingType`, type, 'when .defaultConstraints are not empty');
    return { spreadDefaults: type === 'System' ? 'system' : constraints.map(toSpread(`${path}.defaultConstraints`)) };
  },
  InterPodAffinity(args, path) {
    const fields = toFields(args, path, [...META, 'hardPodAffinityWeight', 'ignorePreferredTermsOfExistingPods']);
    const limits = { fallback: 1, least: 0, most: 100, why: 'not in valid range [0, 100]' };
    const at = `${path}.hardPodAffinityWeight`;
    const hardPodAffinityWeight = toWhole(fields['hardPodAffinityWeight'], at, limits);
    const ignorePreferredTermsOfExistingPods = fields['ignorePreferredTermsOfExistingPods'] === true;
    return { interPodAffinity: { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods } };
  },
  VolumeBinding(args, path) {
    const fields = toFields(args, path, [...META, 'bindTimeoutSeconds', 'shape']);
    if (fields['shape'] !== undefined) {
      const why = 'unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring';
      throw invalid(`${path}.shape`, fields['shape'], why);
    }
    const why = 'invalid BindTimeoutSeconds, should not be a negative value';
    const limits = { fallback: 600, least: 0, most: Number.MAX_SAFE_INTEGER, why };
    return { bindTimeoutMs: toWhole(fields['bindTimeoutSeconds'], `${path}.bindTimeoutSeconds`, limits) * 1000 };
  },
  DefaultPreemption(args, path) {
    const fields = toFields(args, path, [...META, 'minCandidateNodesPercentage', 'minCandidateNodesAbsolute']);
    const of = (field: string, fallback: number, most: number, why: string) =>
      toWhole(fields[field], `${path}.${field}`, { fallback, least: 0, most, why });
    const percentage = of('minCandidateNodesPercentage', 10, 100, 'not in valid range [0, 100]');
    const absolute = of('minCandidateNodesAbsolute', 100, 2 ** 31 - 1, 'not in valid range [0, inf)');
    if (percentage === 0 && absolute === 0) {
      const why = 'cannot be zero at the same time as minCandidateNodesAbsolute';
      throw invalid(`${path}.minCandidateNodesPercentage`, 0, why);
    }
    return { preemption: { percentage, absolute } };
  },
  DynamicResources(args, path) {
    const fields = toFields(args, path, [...META, 'filterTimeout', 'bindingTimeout']);
    const of = (field: string, fallback: number, least: number, why: string): number => {
      if (fields[field] === undefined) return fallback;
      const ms = parseDurationMs(String(fields[field]));
      if (ms === undefined || ms < least) throw invalid(`${path}.${field}`, fields[field], why);
      return ms;
    };
    const filterTimeoutMs = of('filterTimeout', FILTER_TIMEOUT_MS, 0, 'must be zero or positive');
    const bindingTimeoutMs = of('bindingTimeout', 600_000, 1000, 'must be at least 1 second');
    // 0 stands for no limit.
    return { devices: { filterTimeoutMs: filterTimeoutMs || Number.POSITIVE_INFINITY, bindingTimeoutMs } };
  },
};

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** Reads a profile's `pluginConfig`. @throws ConfigurationError */
export function parsePluginArguments(value: unknown, path: string): ProfileArguments {
  let given = defaultProfileArguments;
  const seen = new Set<string>();
  for (const [index, each] of toList(value, path).entries()) {
    const at = `${path}[${index}]`;
    const { name, args } = toFields(each, at, ['name', 'args']);
    if (typeof name !== 'string' || name === '') throw new ConfigurationError(`${at}.name: Required value`);
    if (seen.has(name)) throw new ConfigurationError(`${at}: Duplicate value: "${name}"`);
    seen.add(name);
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw new ConfigurationError(`${at}.name: "${name}" is no plugin that takes arguments`);
    given = { ...given, ...read(toFields(args, `${at}.args`), `${at}.args`) };
  }
  return given;
}

function toResources(value: unknown, path: string): WeightedResource[] {
  const listed = toList(value, path).map((each, index) => {
    const { name, weight } = toFields(each, `${path}[${index}]`, ['name', 'weight']);
    const why = `resource weight of ${String(name)} not in valid range (0, 100]`;
    // As upstream, 0 stands for the default.
    const limits = { fallback: 1, least: 0, most: 100, why };
    return { name: String(name), weight: toWhole(weight, `${path}[${index}].weight`, limits) || 1 };
  });
  return listed.length > 0 ? listed : [...defaultArguments.balancedResources];
}

function toStrategy(value: unknown, path: string): ScoringStrategy {
  if (value === undefined) return defaultArguments.scoringStrategy;
  const fields = toFields(value, path, ['type', 'resources', 'requestedToCapacityRatio']);
  const types = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;
  const type = toWord(fields['type'], `${path}.type`, types, 'LeastAllocated');
  const resources = toResources(fields['resources'], `${path}.resources`);
  const ratio = fields['requestedToCapacityRatio'];
  const at = `${path}.requestedToCapacityRatio`;
  if (type !== 'RequestedToCapacityRatio') {
    if (ratio === undefined) return { type, resources };
    throw new ConfigurationError(`${at}: Forbidden: must be nil when type is not RequestedToCapacityRatio`);
  }
  if (ratio === undefined) {
    const why = 'must be specified when type is RequestedToCapacityRatio';
    throw new ConfigurationError(`${at}: Required value: ${why}`);
  }
  return { type, resources, shape: toShape(toFields(ratio, at, ['shape'])['shape'], `${at}.shape`) };
}

function toShape(value: unknown, path: string): ShapePoint[] {
  const shape = toList(value, path).map((each, index) => {
    const fields = toFields(each, `${path}[${index}]`, ['utilization', 'score']);
    const of = (field: string, most: number): number => {
      const limits = { fallback: 0, least: 0, most, why: `not in valid range [0, ${most}]` };
      return toWhole(fields[field], `${path}[${index}].${field}`, limits);
    };
    return { utilization: of('utilization', 100), score: of('score', 10) };
  });
  if (shape.length === 0) throw new ConfigurationError(`${path}: Required value: at least one point must be specified`);
  for (const [index, { utilization }] of shape.entries()) {
    const before = shape[index - 1]?.utilization ?? -1;
    if (before >= utilization)
      throw invalid(`${path}[${index}].utilization`, utilization, 'values must be sorted in increasing order');
  }
  return shape;
}

function toSpread(path: string) {
  return (each: unknown, index: number, all: readonly unknown[]): TopologySpreadConstraint => {
    const at = `${path}[${index}]`;
    const fields = toFields(each, at);
    const maxSkew = toWhole(fields['maxSkew'], `${at}.maxSkew`, {
      fallback: 0,
      least: 1,
      most: 2 ** 31 - 1,
      why: 'not in valid range (0, inf)',
    });
    if (maxSkew === 0) throw invalid(`${at}.maxSkew`, 0, 'not in valid range (0, inf)');
    const { topologyKey, whenUnsatisfiable } = fields;
    if (typeof topologyKey !== 'string' || topologyKey === '')
      throw new ConfigurationError(`${at}.topologyKey: Required value: can not be empty`);
    if (whenUnsatisfiable === undefined)
      throw new ConfigurationError(`${at}.whenUnsatisfiable: Required value: can not be empty`);
    const actions = ['DoNotSchedule', 'ScheduleAnyway'] as const;
    const action = toWord(whenUnsatisfiable, `${at}.whenUnsatisfiable`, actions, 'DoNotSchedule');
    if (fields['labelSelector'] !== undefined) {
      const why = 'constraint must not define a selector, as they deduced for each pod';
      throw new ConfigurationError(`${at}.labelSelector: Forbidden: ${why}`);
    }
    const isTwin = (other: unknown): boolean => {
      const { topologyKey: key, whenUnsatisfiable: when } = toFields(other, path);
      return key === topologyKey && when === action;
    };
    if (all.findIndex(isTwin) < index)
      throw new ConfigurationError(`${at}: Duplicate value: "{${topologyKey}, ${action}}"`);
    return { ...fields, maxSkew, topologyKey, whenUnsatisfiable: action } as TopologySpreadConstraint;
  };
}
