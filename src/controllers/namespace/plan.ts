import type { Namespace, NamespaceCondition, Pod } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { isPodEnded } from '../pods/pod-state.ts';
import { parseTime, toTime } from '../timestamps.ts';

/** What is left of a namespace's content after an attempt to delete all of it. */
export interface ContentReport {
  readonly discoveryError?: string | undefined;
  readonly deletionErrors: readonly string[];
  /** Objects left, by `resource.group`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** Objects left that wait for a finalizer, by finalizer. */
  readonly finalizers: ReadonlyMap<string, number>;
}

interface Rule {
  readonly type: string;
  readonly okReason: string;
  readonly okMessage: string;
  failure(report: ContentReport): { readonly reason: string; readonly message: string } | undefined;
}

/** Source: `pkg/controller/namespace/deletion/status_condition_utils.go`. */
const rules: readonly Rule[] = [
  {
    type: 'NamespaceDeletionDiscoveryFailure',
    okReason: 'ResourcesDiscovered',
    okMessage: 'All resources successfully discovered',
    failure: ({ discoveryError }) =>
      discoveryError === undefined ? undefined : { reason: 'DiscoveryFailed', message: discoveryError },
  },
  {
    type: 'NamespaceDeletionGroupVersionParsingFailure',
    okReason: 'ParsedGroupVersions',
    okMessage: 'All legacy kube types successfully parsed',
    failure: () => undefined,
  },
  {
    type: 'NamespaceDeletionContentFailure',
    okReason: 'ContentDeleted',
    okMessage: 'All content successfully deleted, may be waiting on finalization',
    failure: ({ deletionErrors }) =>
      deletionErrors.length === 0
        ? undefined
        : {
            reason: 'ContentDeletionFailed',
            message: `Failed to delete all resource types, ${deletionErrors.length} remaining: ${[...deletionErrors].sort().join(', ')}`,
          },
  },
  {
    type: 'NamespaceContentRemaining',
    okReason: 'ContentRemoved',
    okMessage: 'All content successfully removed',
    failure: ({ remaining }) =>
      remaining.size === 0
        ? undefined
        : {
            reason: 'SomeResourcesRemain',
            message: `Some resources are remaining: ${toCounts(remaining, 'has', 'resource instances')}`,
          },
  },
  {
    type: 'NamespaceFinalizersRemaining',
    okReason: 'ContentHasNoFinalizers',
    okMessage: 'All content-preserving finalizers finished',
    failure: ({ finalizers }) =>
      finalizers.size === 0
        ? undefined
        : {
            reason: 'SomeFinalizersRemain',
            message: `Some content in the namespace has finalizers remaining: ${toCounts(finalizers, 'in', 'resource instances')}`,
          },
  },
];

/** The conditions after an attempt; undefined where none of them changes. */
export function planConditions(
  namespace: Namespace,
  report: ContentReport,
  nowMs: number,
): NamespaceCondition[] | undefined {
  const conditions = [...(namespace.status?.conditions ?? [])];
  let changed = false;
  for (const rule of rules) {
    const failure = rule.failure(report);
    const status = failure === undefined ? 'False' : 'True';
    const { reason, message } = failure ?? { reason: rule.okReason, message: rule.okMessage };
    const current = findCondition(conditions, rule.type);
    if (current?.status === status && current.reason === reason && current.message === message) continue;
    changed = true;
    const kept = current?.status === status ? current.lastTransitionTime : undefined;
    const next = { type: rule.type, status, lastTransitionTime: kept ?? toTime(nowMs), reason, message };
    if (current === undefined) conditions.push(next);
    else conditions[conditions.indexOf(current)] = next;
  }
  return changed ? conditions : undefined;
}

/** Seconds that running pods may still take to stop, counted from the namespace's deletion; 0 once they are over. */
export function estimateGraceSeconds(namespace: Namespace, pods: readonly Pod[], nowMs: number): number {
  const running = pods.filter((pod) => !isPodEnded(pod));
  const estimate = Math.max(0, ...running.map((pod) => Number(pod.spec.terminationGracePeriodSeconds ?? 0)));
  const deletedMs = parseTime(namespace.metadata.deletionTimestamp) ?? nowMs;
  return nowMs - deletedMs >= estimate * 1000 ? 0 : estimate;
}

function toCounts(counts: ReadonlyMap<string, number>, verb: string, noun: string): string {
  return Array.from(counts, ([name, count]) => `${name} ${verb} ${count} ${noun}`)
    .sort()
    .join(', ');
}
