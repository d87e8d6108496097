import type { Pod } from '../../generated/api/core/v1.ts';
import type { Requirements } from '../../machinery/values/selector-object.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { NamespaceLabels } from '../cache/pod-affinity.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { VolumeView } from '../volumes/volume-view.ts';

/**
 * What a filter says of a pod on a node. Not `resolvable`: no eviction can help, so preemption passes the node by. The
 * reasons are upstream's, since users read them in events.
 */
export type Judgement = { readonly fits: true } | Refusal;

export interface Refusal {
  readonly fits: false;
  readonly reasons: readonly string[];
  readonly resolvable: boolean;
}

export const fits: Judgement = { fits: true };
export const unschedulable = (...reasons: string[]): Refusal => ({ fits: false, reasons, resolvable: true });
export const unresolvable = (...reasons: string[]): Refusal => ({ fits: false, reasons, resolvable: false });

/** Thrown where a pod cannot be judged at all: it is told so, and tried again after its back-off. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
}

/** Devices, as they are to be given to one pod in one cycle. */
export interface DeviceView {
  prepare(): PreparedFilter | Refusal | undefined;
  /** Raw scores in the order of `nodes`: how far nodes serve what claims prefer. Undefined where it does not matter. */
  scores(nodes: readonly NodeInfo[]): readonly number[] | undefined;
  /** Whether devices stand for an extended resource. */
  standFor(resource: string): boolean;
}

/** What plugins may look at: all nodes with their pods, as of the beginning of the cycle. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  /** Labels of namespaces, for affinity by namespace selector. */
  readonly namespaceLabels: NamespaceLabels;
  readonly volumes: VolumeView;
  /** Selects the pods that a pod should be spread from where it asks for nothing: those of its services and owners. */
  defaultSpread(pod: Pod): Requirements | undefined;
  /** Undefined where the pod asks for no devices. */
  readonly devices?: DeviceView | undefined;
}

/** Kinds of changes in the cluster that can make a pod schedulable. */
export type ClusterChange =
  | 'node-added'
  | 'node-updated'
  | 'pod-deleted'
  | 'pod-added'
  | 'pod-updated'
  | 'volume-changed'
  | 'claim-changed'
  | 'slice-changed'
  | 'class-changed';

/** Work that a plugin does once for a pod, before it looks at nodes. */
export interface PreparedFilter {
  /** The only nodes that may do, where they are known by name: the others are not looked at. */
  readonly nodeNames?: ReadonlySet<string> | undefined;
  filter(node: NodeInfo): Judgement;
}

export interface FilterPlugin {
  readonly name: string;
  readonly wakesOn: readonly ClusterChange[];
  /** `cluster`: the judgement of a node depends on pods of other nodes, so it must be prepared anew where those change. */
  readonly looksAt: 'node' | 'cluster';
  /** Undefined where the plugin has nothing to say about the pod; a refusal where no node will do. */
  prepare(subject: PodInfo, snapshot: Snapshot): PreparedFilter | Refusal | undefined;
}

export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /** Scores in the order of `nodes`, normalised to 0..100; undefined where it does not matter for the pod. */
  score(subject: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): readonly number[] | undefined;
}

export const MAX_SCORE = 100;

/** Brings raw counts to 0..100 by the largest; `reversed` where little is good. Source: framework/plugins/helper/normalize_score.go. */
export function normalise(raw: readonly number[], { reversed }: { readonly reversed: boolean }): number[] {
  const highest = Math.max(0, ...raw);
  if (highest === 0) return raw.map(() => (reversed ? MAX_SCORE : 0));
  return raw.map((score) => {
    const scaled = Math.floor((MAX_SCORE * score) / highest);
    return reversed ? MAX_SCORE - scaled : scaled;
  });
}
