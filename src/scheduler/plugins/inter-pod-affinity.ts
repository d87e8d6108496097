import type { NodeInfo } from '../cache/node-info.ts';
import type { AffinityTerm } from '../cache/pod-affinity.ts';
import {
  type FilterPlugin,
  fits,
  MAX_SCORE,
  type ScorePlugin,
  unresolvable,
  unschedulable,
} from '../framework/plugin.ts';

/** Numbers by topology key and value. */
class Domains {
  readonly #counts = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** Adds to the domain that a node is in; a node without the key is in none. */
  add(key: string, node: NodeInfo, amount: number): void {
    const value = node.labels[key];
    if (value === undefined) return;
    let counts = this.#counts.get(key);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(key, counts);
    }
    counts.set(value, (counts.get(value) ?? 0) + amount);
  }

  has(key: string, node: NodeInfo): boolean {
    const value = node.labels[key];
    return value !== undefined && this.#counts.get(key)?.has(value) === true;
  }

  /** Whether the node is in any of the domains. */
  holds(node: NodeInfo): boolean {
    for (const key of this.#counts.keys()) if (this.has(key, node)) return true;
    return false;
  }

  /** The sum over the domains that the node is in. */
  sum(node: NodeInfo): number {
    let sum = 0;
    for (const [key, counts] of this.#counts) sum += counts.get(node.labels[key] ?? '') ?? 0;
    return sum;
  }
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
  looksAt: 'cluster',
  prepare({ pod, affinity }, { nodes, namespaceLabels }) {
    const near = new Domains();
    const far = new Domains();
    const repelling = new Domains();
    for (const node of nodes) {
      for (const other of node.podsWithAffinity()) {
        for (const term of other.affinity.far) {
          if (term.matches(pod, namespaceLabels)) repelling.add(term.topologyKey, node, 1);
        }
      }
      if (affinity.near.length + affinity.far.length === 0) continue;
      for (const { pod: other } of node.pods()) {
        const matches = (term: AffinityTerm): boolean => term.matches(other, namespaceLabels);
        // A pod is company only where it is what every term asks for.
        if (affinity.near.length > 0 && affinity.near.every(matches))
          for (const term of affinity.near) near.add(term.topologyKey, node, 1);
        for (const term of affinity.far) if (matches(term)) far.add(term.topologyKey, node, 1);
      }
    }
    if (affinity.near.length === 0 && affinity.far.length === 0 && repelling.isEmpty) return undefined;
    // The first pod of a group that wants to be together may go anywhere: nobody is there yet to be with.
    const isFirst = near.isEmpty && affinity.near.every((term) => term.matches(pod, namespaceLabels));
    return {
      filter(node) {
        const isNear = affinity.near.every(
          ({ topologyKey }) => node.labels[topologyKey] !== undefined && (isFirst || near.has(topologyKey, node)),
        );
        if (!isNear) return unresolvable("node(s) didn't match pod affinity rules");
        if (affinity.far.some(({ topologyKey }) => far.has(topologyKey, node)))
          return unschedulable("node(s) didn't match pod anti-affinity rules");
        if (repelling.holds(node)) return unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");
        return fits;
      },
    };
  },
};

export interface InterPodAffinityArguments {
  /** How much a pod that must be near draws others to it, 0 to 100. */
  readonly hardPodAffinityWeight: number;
  /** Whether pods without wishes are left alone by what others would rather have. */
  readonly ignorePreferredTermsOfExistingPods: boolean;
}

/**
 * Preferred affinity and anti-affinity, both ways; what a pod that runs requires draws the pod, too.
 *
 * Source: interpodaffinity/scoring.go.
 */
export function interPodAffinityScore(wishes: InterPodAffinityArguments): ScorePlugin {
  return {
    name: 'InterPodAffinity',
    weight: 2,
    score({ pod, affinity }, nodes, { nodes: all, namespaceLabels }) {
      const domains = new Domains();
      const add = (
        terms: readonly AffinityTerm[],
        matches: (term: AffinityTerm) => boolean,
        node: NodeInfo,
        sign: number,
      ) => {
        for (const term of terms) if (matches(term)) domains.add(term.topologyKey, node, sign * term.weight);
      };
      const asks = affinity.preferredNear.length + affinity.preferredFar.length > 0;
      if (wishes.ignorePreferredTermsOfExistingPods && !asks) return undefined;
      for (const node of all) {
        for (const other of asks ? node.pods() : node.podsWithAffinity()) {
          const matchesOther = (term: AffinityTerm): boolean => term.matches(other.pod, namespaceLabels);
          const matchesPod = (term: AffinityTerm): boolean => term.matches(pod, namespaceLabels);
          add(affinity.preferredNear, matchesOther, node, 1);
          add(affinity.preferredFar, matchesOther, node, -1);
          add(other.affinity.near, matchesPod, node, wishes.hardPodAffinityWeight);
          add(other.affinity.preferredNear, matchesPod, node, 1);
          add(other.affinity.preferredFar, matchesPod, node, -1);
        }
      }
      if (domains.isEmpty) return undefined;
      const sums = nodes.map((node) => domains.sum(node));
      const least = Math.min(...sums);
      const span = Math.max(...sums) - least;
      return sums.map((sum) => (span === 0 ? 0 : Math.trunc((MAX_SCORE * (sum - least)) / span)));
    },
  };
}
