import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Deployment } from '../../generated/api/apps/v1.ts';
import type { Service } from '../../generated/api/core/v1.ts';
import { namespaces } from '../../generated/resource-types.ts';
import type { Clock } from '../../std/clock.ts';
import {
  type EffectiveSpec,
  type VirtualCluster,
  type VirtualClusterSpec,
  withDefaults,
} from '../api/virtual-cluster.ts';
import type { VirtualClusterPolicy } from '../api/virtual-cluster-policy.ts';
import { readLive } from '../host.ts';
import { holdToPolicy, isFor, judgePolicies, type PolicyVerdict, withPolicyDefaults } from './judge.ts';

/** Annotation of the Deployment: what policies gave the tenant when its server was made or resumed, as JSON. */
export const POLICY_DEFAULTS = 'warren.dev/policy-defaults';

type ControlPlane = NonNullable<VirtualClusterSpec['controlPlane']>;

/** The spec of a tenant as its policies have it. */
export interface JudgedSpec {
  readonly spec: EffectiveSpec;
  /** Undefined where no policy is for it. */
  readonly policy?: PolicyVerdict | undefined;
  /** What policies give it, to be kept at its Deployment. */
  readonly policyDefaults?: string | undefined;
}

/** Labels of namespaces change rarely. */
const FRESH_MS = 30_000;

/** All policies of the host, and what they say. */
export class Policies {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #informer: Pick<Informer<VirtualClusterPolicy>, 'list'>;
  readonly #clustersIn: (namespace: string) => readonly VirtualCluster[];
  readonly #labels = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly readMs: number }>();

  constructor(deps: {
    readonly client: Client;
    readonly clock: Clock;
    readonly informer: Pick<Informer<VirtualClusterPolicy>, 'list'>;
    readonly clustersIn: (namespace: string) => readonly VirtualCluster[];
  }) {
    this.#client = deps.client;
    this.#clock = deps.clock;
    this.#informer = deps.informer;
    this.#clustersIn = deps.clustersIn;
  }

  async judge(
    cluster: VirtualCluster,
    present: { readonly deployment: Deployment | undefined; readonly service: Service | undefined },
    served: string,
    signal: AbortSignal,
  ): Promise<JudgedSpec> {
    const all = this.#informer.list();
    if (all.length === 0 && present.deployment?.metadata.annotations?.[POLICY_DEFAULTS] === undefined)
      return { spec: withDefaults(cluster.spec) };
    const asksNamespace = all.some(({ spec }) => spec.namespaceSelector !== undefined);
    const { namespace = '' } = cluster.metadata;
    const labels = asksNamespace ? await this.#labelsOf(namespace, signal) : {};
    const policies = all
      .filter((policy) => isFor(policy, cluster, labels))
      .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
    const given = keptDefaults(present.deployment) ?? withPolicyDefaults({}, policies).controlPlane;
    const asPolicy = { spec: { defaults: given ?? {} } } as VirtualClusterPolicy;
    const wished = withDefaults(withPolicyDefaults(cluster.spec, given === undefined ? [] : [asPolicy]));
    const policyDefaults = given === undefined ? undefined : JSON.stringify(given);
    if (policies.length === 0) return { spec: wished, policyDefaults };
    const siblings = (policy: VirtualClusterPolicy): VirtualCluster[] =>
      this.#clustersIn(namespace).filter((each) => isFor(policy, each, labels));
    const nodes = cluster.status?.nodes?.total ?? 0;
    const policy = judgePolicies({ cluster, spec: wished, nodes }, policies, { siblings, served });
    return {
      spec: holdToPolicy(wished, policy, { ...present, published: !!cluster.status?.publicEndpoint }),
      policy,
      policyDefaults,
    };
  }

  async #labelsOf(name: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const nowMs = this.#clock.nowMs();
    const known = this.#labels.get(name);
    if (known !== undefined && nowMs - known.readMs < FRESH_MS) return known.labels;
    const labels = (await readLive(this.#client, namespaces, { name }, signal))?.metadata.labels ?? {};
    this.#labels.set(name, { labels, readMs: nowMs });
    return labels;
  }
}

/** What a server that runs was given; one that is stopped gets what holds when it is started again. */
function keptDefaults(deployment: Deployment | undefined): ControlPlane | undefined {
  const text = deployment?.metadata.annotations?.[POLICY_DEFAULTS];
  if (deployment === undefined || deployment.spec?.replicas === 0) return undefined;
  try {
    return text === undefined ? {} : (JSON.parse(text) as ControlPlane);
  } catch {
    return {};
  }
}
