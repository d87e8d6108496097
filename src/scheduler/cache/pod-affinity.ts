import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '../../generated/api/core/v1.ts';
import { matchesLabels, parseSelectorObject, type Requirements } from '../../machinery/values/selector-object.ts';

/** Labels of a namespace; empty for one that is not known. */
export type NamespaceLabels = (name: string) => Readonly<Record<string, string>>;

/** A term of a pod's affinity, read once. */
export interface AffinityTerm {
  readonly topologyKey: string;
  /** 1 for required terms. */
  readonly weight: number;
  /** Whether another pod is one that the term speaks of. */
  matches(pod: Pod, namespaceLabels: NamespaceLabels): boolean;
}

/** A pod's wishes about other pods. */
export interface PodAffinity {
  readonly near: readonly AffinityTerm[];
  readonly far: readonly AffinityTerm[];
  readonly preferredNear: readonly AffinityTerm[];
  readonly preferredFar: readonly AffinityTerm[];
}

const NONE: PodAffinity = { near: [], far: [], preferredNear: [], preferredFar: [] };

/** Source: pkg/scheduler/framework/types.go (NewPodInfo, getAffinityTerms). */
export function toPodAffinity(pod: Pod): PodAffinity {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return NONE;
  return {
    near: toTerms(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution, pod),
    far: toTerms(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution, pod),
    preferredNear: toWeighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, pod),
    preferredFar: toWeighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, pod),
  };
}

function toTerms(terms: readonly PodAffinityTerm[] | undefined, owner: Pod): AffinityTerm[] {
  return (terms ?? []).map((term) => toTerm(term, 1, owner));
}

function toWeighted(terms: readonly WeightedPodAffinityTerm[] | undefined, owner: Pod): AffinityTerm[] {
  return (terms ?? []).map(({ weight, podAffinityTerm }) => toTerm(podAffinityTerm ?? {}, weight ?? 0, owner));
}

function toTerm(term: Partial<PodAffinityTerm>, weight: number, owner: Pod): AffinityTerm {
  const selector = parseSelectorObject(term.labelSelector);
  const { namespaces = [], namespaceSelector, topologyKey = '' } = term;
  const byLabels: Requirements | undefined = namespaceSelector ? parseSelectorObject(namespaceSelector) : undefined;
  const own = namespaces.length === 0 && byLabels === undefined ? owner.metadata.namespace : undefined;
  return {
    topologyKey,
    weight,
    matches(pod, namespaceLabels) {
      const namespace = pod.metadata.namespace ?? '';
      const isMeant =
        namespace === own ||
        namespaces.includes(namespace) ||
        (byLabels !== undefined && matchesLabels(byLabels, namespaceLabels(namespace)));
      return isMeant && matchesLabels(selector, pod.metadata.labels ?? {});
    },
  };
}
