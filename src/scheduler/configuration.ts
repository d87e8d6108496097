import type { DeviceTimeouts } from './devices/device-scheduling.ts';
import type { FilterPlugin, ScorePlugin } from './framework/plugin.ts';
import { filterPlugins, scorePlugins } from './plugins/index.ts';
import { isScoringType, resourceScore } from './plugins/node-resources.ts';

/** How pods that name one scheduler are placed. */
export interface SchedulerProfile {
  readonly name: string;
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
  /** Nodes that must fit before the search ends, in percent of all; undefined: fewer the more there are. */
  readonly percentageOfNodesToScore?: number | undefined;
  readonly devices: DeviceTimeouts;
  /** How long volumes of a pod may take to be bound, in milliseconds. */
  readonly bindTimeoutMs: number;
}

/** Profiles by the name that pods give in `spec.schedulerName`. */
export type SchedulerConfiguration = ReadonlyMap<string, SchedulerProfile>;

const DEFAULT_NAME = 'default-scheduler';

const DEFAULTS = { devices: { filterTimeoutMs: 1000, bindingTimeoutMs: 600_000 }, bindTimeoutMs: 600_000 };

export const defaultConfiguration: SchedulerConfiguration = new Map([
  [DEFAULT_NAME, { ...DEFAULTS, name: DEFAULT_NAME, filters: filterPlugins, scores: scorePlugins }],
]);

/** Plugins of other points, which are always on; they may be named. */
const otherPlugins = new Set([
  'DefaultBinder',
  'DefaultPreemption',
  'DynamicResources',
  'PrioritySort',
  'SchedulingGates',
]);
/** Points at which plugins may be switched, in our own words the two that choose nodes. */
const points = new Set([
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
]);
const VERSION = 'kubescheduler.config.k8s.io/v1';

/** Thrown for a configuration that cannot be taken; says where the fault is. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a `KubeSchedulerConfiguration`: its profiles, which plugins filter and score in them and with which weights, how
 * `NodeResourcesFit` scores, and how many nodes are looked at. What is about the process (ports, leases, clients) is
 * passed over: this scheduler lives in the server's. @throws ConfigurationError
 *
 * Source: `pkg/scheduler/apis/config/v1`, `pkg/scheduler/framework/runtime/framework.go` (expandMultiPointPlugins).
 */
export function parseSchedulerConfiguration(value: unknown): SchedulerConfiguration {
  const root = toFields(value, 'configuration');
  if (root['apiVersion'] !== VERSION || root['kind'] !== 'KubeSchedulerConfiguration') {
    throw new ConfigurationError(`a KubeSchedulerConfiguration of ${VERSION} is wanted`);
  }
  const shared = toPercentage(root['percentageOfNodesToScore'], 'percentageOfNodesToScore');
  const listed = toList(root['profiles'], 'profiles');
  const profiles = new Map<string, SchedulerProfile>();
  for (const [index, each] of (listed.length === 0 ? [{}] : listed).entries()) {
    const path = `profiles[${index}]`;
    const fields = toFields(each, path);
    const name = String(fields['schedulerName'] ?? DEFAULT_NAME);
    if (profiles.has(name)) throw new ConfigurationError(`${path}.schedulerName: Duplicate value: "${name}"`);
    const own = toPercentage(fields['percentageOfNodesToScore'], `${path}.percentageOfNodesToScore`);
    const percentageOfNodesToScore = own ?? shared;
    profiles.set(name, {
      ...DEFAULTS,
      name,
      ...toPlugins(fields, path),
      ...(percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore }),
    });
  }
  return profiles;
}

function toPlugins(profile: Fields, path: string): Pick<SchedulerProfile, 'filters' | 'scores'> {
  const plugins = toFields(profile['plugins'], `${path}.plugins`);
  for (const point of Object.keys(plugins)) {
    if (!points.has(point)) throw new ConfigurationError(`${path}.plugins: unknown field "${point}"`);
  }
  const sets = (point: string): PluginSet => toPluginSet(plugins[point], `${path}.plugins.${point}`);
  const everywhere = sets('multiPoint');
  const scores = choose(configured(profile, path), everywhere, sets('score'));
  return {
    filters: choose(filterPlugins, everywhere, sets('filter')).map(({ plugin }) => plugin),
    scores: scores.map(({ plugin, weight }) => ({ ...plugin, weight: weight || plugin.weight })),
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

function configured(profile: Fields, path: string): readonly ScorePlugin[] {
  const entries = toList(profile['pluginConfig'], `${path}.pluginConfig`).map((each, index) =>
    toFields(each, `${path}.pluginConfig[${index}]`),
  );
  const args = entries.find(({ name }) => name === 'NodeResourcesFit')?.['args'];
  const strategy = toFields(toFields(args, 'args')['scoringStrategy'], 'scoringStrategy');
  if (strategy['type'] === undefined) return scorePlugins;
  const type = strategy['type'];
  if (!isScoringType(type)) {
    throw new ConfigurationError(`${path}.pluginConfig: scoringStrategy.type ${JSON.stringify(type)} is not served`);
  }
  const weights = { cpu: 1, memory: 1 };
  const resources = toList(strategy['resources'], 'scoringStrategy.resources').map((each) =>
    toFields(each, 'resources'),
  );
  if (resources.length > 0) Object.assign(weights, { cpu: 0, memory: 0 });
  for (const { name, weight } of resources) {
    if (name !== 'cpu' && name !== 'memory') {
      throw new ConfigurationError(`${path}.pluginConfig: scoring by ${JSON.stringify(name)} is not served`);
    }
    weights[name] = Number(weight ?? 1);
  }
  const fit = resourceScore(type, weights);
  return scorePlugins.map((plugin) => (plugin.name === fit.name ? fit : plugin));
}

interface PluginSet {
  /** Weights by name; 0: the plugin's own. */
  readonly enabled: ReadonlyMap<string, number>;
  readonly disabled: ReadonlySet<string>;
}

function toPluginSet(value: unknown, path: string): PluginSet {
  const fields = toFields(value, path);
  const known = new Set([...filterPlugins, ...scorePlugins].map(({ name }) => name));
  const read = (field: 'enabled' | 'disabled'): (readonly [string, number])[] =>
    toList(fields[field], `${path}.${field}`).map((each, index) => {
      const { name, weight } = toFields(each, `${path}.${field}[${index}]`);
      const isKnown = typeof name === 'string' && (known.has(name) || otherPlugins.has(name));
      if (!isKnown && !(field === 'disabled' && name === '*')) {
        throw new ConfigurationError(`${path}.${field}[${index}]: ${JSON.stringify(name)} is not a known plugin`);
      }
      return [String(name), Number(weight ?? 0)];
    });
  return { enabled: new Map(read('enabled')), disabled: new Set(read('disabled').map(([name]) => name)) };
}

function toPercentage(value: unknown, path: string): number | undefined {
  // 0 stands for the usual number.
  if (value === undefined || value === null || value === 0) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 100) return value;
  throw new ConfigurationError(`${path}: Invalid value: ${JSON.stringify(value)}: not in valid range [0-100]`);
}

function toFields(value: unknown, path: string): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  throw new ConfigurationError(`${path} must be an object`);
}

function toList(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new ConfigurationError(`${path} must be a list`);
}
