import type { NodeAffinity } from '../../generated/api/core/v1.ts';
import type { FilterPlugin, ScorePlugin } from '../framework/plugin.ts';
import { dynamicResources, dynamicResourcesScore } from './dynamic-resources.ts';
import { imageLocality } from './image-locality.ts';
import { type InterPodAffinityArguments, interPodAffinity, interPodAffinityScore } from './inter-pod-affinity.ts';
import { nodeAffinityFilter, nodeAffinityScore } from './node-affinity.ts';
import { nodeDeclaredFeatures } from './node-declared-features.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { type FitArguments, nodeResourcesFit } from './node-resources.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { nodeVolumeLimits } from './node-volume-limits.ts';
import { podTopologySpreadFilter, podTopologySpreadScore, type SpreadDefaults } from './pod-topology-spread.ts';
import {
  balancedAllocation,
  defaultResources,
  resourceScore,
  type ScoringStrategy,
  type WeightedResource,
} from './resource-scores.ts';
import { taintToleration, taintTolerationScore } from './taint-toleration.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

/** What a profile may say to the plugins that choose nodes. */
export interface PluginArguments {
  readonly addedAffinity?: NodeAffinity | undefined;
  readonly fit: FitArguments;
  readonly scoringStrategy: ScoringStrategy;
  readonly balancedResources: readonly WeightedResource[];
  readonly spreadDefaults: SpreadDefaults;
  readonly interPodAffinity: InterPodAffinityArguments;
}

/** Source: pkg/scheduler/apis/config/v1/defaults.go. */
export const defaultArguments: PluginArguments = {
  fit: { ignoredResources: [], ignoredResourceGroups: [] },
  scoringStrategy: { type: 'LeastAllocated', resources: defaultResources },
  balancedResources: defaultResources,
  spreadDefaults: 'system',
  interPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
};

/** Filters in upstream's order; the first that turns a node down is the one that is told. */
export function toFilterPlugins({ addedAffinity, fit, spreadDefaults }: PluginArguments): readonly FilterPlugin[] {
  return [
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinityFilter(addedAffinity),
    nodePorts,
    nodeResourcesFit(fit),
    volumeRestrictions,
    nodeVolumeLimits,
    volumeBinding,
    volumeZone,
    podTopologySpreadFilter(spreadDefaults),
    interPodAffinity,
    dynamicResources,
    nodeDeclaredFeatures,
  ];
}

/** Scores with upstream's weights. Source: pkg/scheduler/apis/config/v1/default_plugins.go. */
export function toScorePlugins(given: PluginArguments): readonly ScorePlugin[] {
  return [
    taintTolerationScore,
    nodeAffinityScore(given.addedAffinity),
    podTopologySpreadScore(given.spreadDefaults),
    interPodAffinityScore(given.interPodAffinity),
    dynamicResourcesScore,
    resourceScore(given.scoringStrategy),
    balancedAllocation(given.balancedResources),
    imageLocality,
  ];
}

/** As they are where nothing is configured. */
export const filterPlugins: readonly FilterPlugin[] = toFilterPlugins(defaultArguments);
export const scorePlugins: readonly ScorePlugin[] = toScorePlugins(defaultArguments);
