import type { Pod, PodAffinityTerm } from '../../generated/api/core/v1.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import { type FilterPlugin, fits, labelsOf, type Snapshot, unresolvable, unschedulable } from '../framework/plugin.ts';

/** A term with its selectors read. */
interface Term {
  readonly topologyKey: string;
  matches(pod: Pod): boolean;
}

/**
 * Required affinity and anti-affinity between pods, both ways: what the pod asks for, and what pods that run already
 * asked to be kept away from.
 *
 * Source: pkg/scheduler/framework/plugins/interpodaffinity/filtering.go.
 */
export const interPodAffinity: FilterPlugin = {
  name: 'InterPodAffinity',
  wakesOn: ['node-added', 'node-updated', 'pod-added', 'pod-updated', 'pod-deleted'],
  prepare({ pod }, snapshot) {
    const wanted = toTerms(
      pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
      pod,
      snapshot,
    );
    const unwanted = toTerms(
      pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
      pod,
      snapshot,
    );
    const repelled = domainsThatRepel(pod, snapshot);
    if (wanted.length === 0 && unwanted.length === 0 && repelled.size === 0) return undefined;
    const near = wanted.map((term) => domainsOf(term, snapshot));
    const far = unwanted.map((term) => domainsOf(term, snapshot));
    // The first pod of a group that wants to be together may go anywhere: nobody is there yet to be with.
    const isFirst = near.every((domains) => domains.size === 0) && wanted.every((term) => term.matches(pod));
    return {
      filter(node) {
        const labels = labelsOf(node.node);
        if ([...repelled].some((domain) => isIn(domain, labels))) {
          return unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");
        }
        if (unwanted.some((term, index) => hasDomain(far[index], term.topologyKey, labels))) {
          return unschedulable("node(s) didn't match pod anti-affinity rules");
        }
        const together = wanted.every(
          (term, index) =>
            labels[term.topologyKey] !== undefined && (isFirst || hasDomain(near[index], term.topologyKey, labels)),
        );
        return together ? fits : unresolvable("node(s) didn't match pod affinity rules");
      },
    };
  },
};

function toTerms(terms: readonly PodAffinityTerm[] | undefined, owner: Pod, snapshot: Snapshot): Term[] {
  return (terms ?? []).map((term) => {
    const selector = term.labelSelector === undefined ? undefined : parseSelectorObject(term.labelSelector);
    const namespaces = parseNamespaces(term, owner, snapshot);
    return {
      topologyKey: term.topologyKey ?? '',
      matches: (pod) =>
        selector !== undefined &&
        namespaces(pod.metadata.namespace ?? '') &&
        matchesLabels(selector, pod.metadata.labels ?? {}),
    };
  });
}

function parseNamespaces(term: PodAffinityTerm, owner: Pod, snapshot: Snapshot): (namespace: string) => boolean {
  const { namespaces = [], namespaceSelector } = term;
  if (namespaces.length === 0 && namespaceSelector === undefined)
    return (namespace) => namespace === owner.metadata.namespace;
  const selector = namespaceSelector === undefined ? undefined : parseSelectorObject(namespaceSelector);
  return (namespace) =>
    namespaces.includes(namespace) ||
    (selector !== undefined && matchesLabels(selector, snapshot.namespaceLabels(namespace)));
}

/** Topology values in which a pod matches the term. */
function domainsOf(term: Term, snapshot: Snapshot): Set<string> {
  const domains = new Set<string>();
  for (const node of snapshot.nodes) {
    const value = labelsOf(node.node)[term.topologyKey];
    if (value !== undefined && !domains.has(value) && hasMatch(node, term)) domains.add(value);
  }
  return domains;
}

function hasMatch(node: NodeInfo, term: Term): boolean {
  for (const { pod } of node.pods.values())
    if (pod.metadata.deletionTimestamp === undefined && term.matches(pod)) return true;
  return false;
}

/** `key=value` of the domains that pods already there want to keep this pod out of. */
function domainsThatRepel(pod: Pod, snapshot: Snapshot): Set<string> {
  const repelled = new Set<string>();
  for (const node of snapshot.nodes) {
    for (const { pod: other } of node.pods.values()) {
      const terms = other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (terms === undefined) continue;
      for (const term of toTerms(terms, other, snapshot)) {
        const value = labelsOf(node.node)[term.topologyKey];
        if (value !== undefined && term.matches(pod)) repelled.add(`${term.topologyKey}=${value}`);
      }
    }
  }
  return repelled;
}

function isIn(domain: string, labels: Readonly<Record<string, string>>): boolean {
  const equals = domain.indexOf('=');
  return labels[domain.slice(0, equals)] === domain.slice(equals + 1);
}

function hasDomain(
  domains: ReadonlySet<string> | undefined,
  key: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  return value !== undefined && (domains?.has(value) ?? false);
}
