import type { Node, Pod } from '../../generated/api/core/v1.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodRequest } from '../cache/pod-request.ts';

/**
 * What a filter says of a pod on a node. `unresolvable`: no eviction can help, so preemption passes the node by.
 * The reason is upstream's, since users read it in events.
 */
export type Judgement =
  | { readonly fits: true }
  | { readonly fits: false; readonly reasons: readonly string[]; readonly resolvable: boolean };

export const fits: Judgement = { fits: true };
export const unschedulable = (...reasons: string[]): Judgement => ({ fits: false, reasons, resolvable: true });
export const unresolvable = (...reasons: string[]): Judgement => ({ fits: false, reasons, resolvable: false });

/** A pod with what is worked out of it once for all nodes. */
export interface PodUnderScheduling {
  readonly pod: Pod;
  readonly request: PodRequest;
}

/** What plugins may look at: all nodes with their pods, as of the beginning of the cycle. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  /** Labels of namespaces, for affinity by namespace selector. */
  namespaceLabels(name: string): Readonly<Record<string, string>>;
}

/** Kinds of changes in the cluster that can make a pod schedulable. */
export type ClusterChange =
  | 'node-added'
  | 'node-updated'
  | 'pod-deleted'
  | 'pod-added'
  | 'pod-updated'
  | 'volume-changed';

/** Work that a plugin does once for a pod, before it looks at nodes. */
export interface PreparedFilter {
  filter(node: NodeInfo): Judgement;
}

export interface FilterPlugin {
  readonly name: string;
  readonly wakesOn: readonly ClusterChange[];
  /** Undefined where the plugin has nothing to say about the pod. */
  prepare(subject: PodUnderScheduling, snapshot: Snapshot): PreparedFilter | undefined;
}

export interface ScorePlugin {
  readonly name: string;
  readonly weight: number;
  /** Raw scores in the order of `nodes`, already normalised to 0..100; undefined where it does not matter for the pod. */
  score(subject: PodUnderScheduling, nodes: readonly NodeInfo[], snapshot: Snapshot): readonly number[] | undefined;
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

/** A node's name and labels, for messages and matching. */
export function labelsOf(node: Node): Readonly<Record<string, string>> {
  return node.metadata.labels ?? {};
}
