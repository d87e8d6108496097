import { ConfigurationError, type Fields, toFields, toList, toWhole } from './configuration-fields.ts';
import type { FilterPlugin, ScorePlugin } from './framework/plugin.ts';
import { defaultProfileArguments, type ProfileArguments, parsePluginArguments } from './plugin-arguments.ts';
import { filterPlugins, scorePlugins, toFilterPlugins, toScorePlugins } from './plugins/index.ts';

/** What is done for a pod that no node fits. */
export type PostFilterPlugin = 'DynamicResources' | 'DefaultPreemption';

/** How pods that name one scheduler are placed. */
export interface SchedulerProfile extends Pick<ProfileArguments, 'devices' | 'bindTimeoutMs' | 'preemption'> {
  readonly name: string;
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
  readonly postFilters: ReadonlySet<PostFilterPlugin>;
  /** Nodes that must fit before the search ends, in percent of all; undefined: fewer the more there are. */
  readonly percentageOfNodesToScore?: number | undefined;
}

export interface SchedulerConfiguration {
  /** By the name that pods give in `spec.schedulerName`. */
  readonly profiles: ReadonlyMap<string, SchedulerProfile>;
  /** How long a pod waits after its first try, and after many, in milliseconds. */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
}

const DEFAULT_NAME = 'default-scheduler';
const postFilterPlugins: readonly PostFilterPlugin[] = ['DynamicResources', 'DefaultPreemption'];

const defaultProfile: SchedulerProfile = {
  ...defaultProfileArguments,
  name: DEFAULT_NAME,
  filters: filterPlugins,
  scores: scorePlugins,
  postFilters: new Set(postFilterPlugins),
};

/** Source: pkg/scheduler/apis/config/v1/defaults.go. */
export const defaultConfiguration: SchedulerConfiguration = {
  profiles: new Map([[DEFAULT_NAME, defaultProfile]]),
  backoff: { firstMs: 1_000, maxMs: 10_000 },
};

/** Plugins of other points, which are always on; they may be named. */
const otherPlugins = new Set(['DefaultBinder', 'DefaultPreemption', 'PrioritySort', 'SchedulingGates']);
/** Points at which plugins may be switched; those that have a choice here are filter, postFilter and score. */
const points = [
  'multiPoint',
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
  'placementGenerate',
  'placementScore',
];
const profileFields = ['schedulerName', 'percentageOfNodesToScore', 'plugins', 'pluginConfig'];
/** About the process: this scheduler lives in the server's. */
const passedOver = [
  'parallelism',
  'leaderElection',
  'clientConnection',
  'enableProfiling',
  'enableContentionProfiling',
  'delayCacheUntilActive',
  'healthzBindAddress',
  'metricsBindAddress',
];
const rootFields = [
  'apiVersion',
  'kind',
  'percentageOfNodesToScore',
  'podInitialBackoffSeconds',
  'podMaxBackoffSeconds',
  'profiles',
  'extenders',
  ...passedOver,
];
const VERSION = 'kubescheduler.config.k8s.io/v1';

/**
 * Reads a `KubeSchedulerConfiguration`: its profiles, which plugins filter and score in them and with which weights and
 * arguments, how many nodes are looked at, and how long pods wait. What is about the process (ports, leases, clients)
 * is passed over. @throws ConfigurationError
 *
 * Source: `pkg/scheduler/apis/config/v1`, `apis/config/validation/validation.go`,
 * `pkg/scheduler/framework/runtime/framework.go` (expandMultiPointPlugins).
 */
export function parseSchedulerConfiguration(value: unknown): SchedulerConfiguration {
  const root = toFields(value, 'configuration');
  if (root['apiVersion'] !== VERSION || root['kind'] !== 'KubeSchedulerConfiguration')
    throw new ConfigurationError(`a KubeSchedulerConfiguration of ${VERSION} is wanted`);
  toFields(root, 'configuration', rootFields);
  if (toList(root['extenders'], 'extenders').length > 0) {
    const why = 'extenders are servers that the scheduler would have to dial, and it dials nothing outside of itself';
    throw new ConfigurationError(`extenders: Forbidden: ${why}`);
  }
  const shared = toPercentage(root['percentageOfNodesToScore'], 'percentageOfNodesToScore');
  const listed = toList(root['profiles'], 'profiles');
  const profiles = new Map<string, SchedulerProfile>();
  for (const [index, each] of (listed.length === 0 ? [{}] : listed).entries()) {
    const path = `profiles[${index}]`;
    const fields = toFields(each, path, profileFields);
    if (listed.length > 1 && !fields['schedulerName'])
      throw new ConfigurationError(`${path}.schedulerName: Required value`);
    const name = String(fields['schedulerName'] ?? DEFAULT_NAME);
    if (profiles.has(name)) throw new ConfigurationError(`${path}.schedulerName: Duplicate value: "${name}"`);
    const own = toPercentage(fields['percentageOfNodesToScore'], `${path}.percentageOfNodesToScore`);
    const percentageOfNodesToScore = own ?? shared;
    profiles.set(name, {
      name,
      ...toProfile(fields, path),
      ...(percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore }),
    });
  }
  return { profiles, backoff: toBackoff(root) };
}

function toBackoff(root: Fields): SchedulerConfiguration['backoff'] {
  const of = (field: string, fallback: number, least: number, why: string) =>
    toWhole(root[field], field, { fallback, least, most: Number.MAX_SAFE_INTEGER, why });
  const first = of('podInitialBackoffSeconds', 1, 1, 'must be greater than 0');
  const max = of('podMaxBackoffSeconds', 10, first, 'must be greater than or equal to PodInitialBackoffSeconds');
  return { firstMs: first * 1000, maxMs: max * 1000 };
}

function toProfile(profile: Fields, path: string): Omit<SchedulerProfile, 'name'> {
  const plugins = toFields(profile['plugins'], `${path}.plugins`, points);
  const given = parsePluginArguments(profile['pluginConfig'], `${path}.pluginConfig`);
  const sets = (point: string): PluginSet => toPluginSet(plugins[point], `${path}.plugins.${point}`);
  for (const point of points) sets(point);
  const everywhere = sets('multiPoint');
  const scores = choose(toScorePlugins(given), everywhere, sets('score'));
  const postFilters = postFilterPlugins.map((name) => ({ name }));
  return {
    devices: given.devices,
    bindTimeoutMs: given.bindTimeoutMs,
    preemption: given.preemption,
    filters: choose(toFilterPlugins(given), everywhere, sets('filter')).map(({ plugin }) => plugin),
    scores: scores.map(({ plugin, weight }) => ({ ...plugin, weight: weight || plugin.weight })),
    postFilters: new Set(choose(postFilters, everywhere, sets('postFilter')).map(({ plugin }) => plugin.name)),
  };
}

/** The plugins of a point, in order; those that the point itself enables come with the weight given there. */
function choose<T extends { readonly name: string }>(
  all: readonly T[],
  everywhere: PluginSet,
  here: PluginSet,
): { readonly plugin: T; readonly weight: number }[] {
  const isOff = ({ disabled }: PluginSet, name: string): boolean => disabled.has('*') || disabled.has(name);
  const chosen: { plugin: T; weight: number }[] = [];
  for (const plugin of all) {
    const own = here.enabled.get(plugin.name);
    const wide = everywhere.enabled.get(plugin.name);
    const byDefault = !isOff(everywhere, plugin.name) || wide !== undefined;
    if (own === undefined && (!byDefault || isOff(here, plugin.name))) continue;
    chosen.push({ plugin, weight: own ?? wide ?? 0 });
  }
  return chosen;
}

interface PluginSet {
  /** Weights by name; 0: the plugin's own. */
  readonly enabled: ReadonlyMap<string, number>;
  readonly disabled: ReadonlySet<string>;
}

function toPluginSet(value: unknown, path: string): PluginSet {
  const fields = toFields(value, path, ['enabled', 'disabled']);
  const known = new Set([...filterPlugins, ...scorePlugins].map(({ name }) => name));
  const read = (field: 'enabled' | 'disabled'): (readonly [string, number])[] =>
    toList(fields[field], `${path}.${field}`).map((each, index) => {
      const { name, weight } = toFields(each, `${path}.${field}[${index}]`, ['name', 'weight']);
      const isKnown = typeof name === 'string' && (known.has(name) || otherPlugins.has(name));
      if (!isKnown && !(field === 'disabled' && name === '*'))
        throw new ConfigurationError(`${path}.${field}[${index}]: ${JSON.stringify(name)} is not a known plugin`);
      return [String(name), Number(weight ?? 0)];
    });
  return { enabled: new Map(read('enabled')), disabled: new Set(read('disabled').map(([name]) => name)) };
}

function toPercentage(value: unknown, path: string): number | undefined {
  const limits = { fallback: 0, least: 0, most: 100, why: 'not in valid range [0-100]' };
  // 0 stands for the usual number.
  return toWhole(value, path, limits) || undefined;
}
