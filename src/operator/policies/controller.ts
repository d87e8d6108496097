import type { Client } from '../../client/client.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import { type ControllerMetrics, runController } from '../../reconcile/controller.ts';
import type { Reconciler, Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import {
  type VirtualClusterPolicy,
  type VirtualClusterPolicyStatus,
  virtualClusterPolicies,
} from '../api/virtual-cluster-policy.ts';
import type { HostInformers } from '../host-cache.ts';

const MAX_LISTED = 100;

interface Deps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells in each policy whom it is for and who is not as it wants, until aborted. */
export async function runPolicyStatus(
  deps: Deps,
  host: HostInformers,
  metrics: ControllerMetrics | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = deps;
  const sources = [
    onChange(host.policies),
    ...host.clusters.map((informer) =>
      onChange(informer, ({ object, previous }) => {
        const told = (status: unknown): string => JSON.stringify(status ?? null);
        const of = ({ status }: NonNullable<typeof previous>) => [status?.policies, status?.policyViolations];
        if (previous !== undefined && told(of(object)) === told(of(previous))) return [];
        return new Set([...(object.status?.policies ?? []), ...(previous?.status?.policies ?? [])]);
      }),
    ),
  ];
  const reconciler = new PolicyStatusReconciler(deps, host);
  await runController(
    { name: 'virtualclusterpolicy', reconciler, sources, workers: 1, clock, logger, metrics },
    signal,
  );
}

class PolicyStatusReconciler implements Reconciler {
  readonly #deps: Deps;
  readonly #host: HostInformers;

  constructor(deps: Deps, host: HostInformers) {
    this.#deps = deps;
    this.#host = host;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Result> {
    const { client, clock } = this.#deps;
    const policy = this.#host.policies.get(name);
    if (policy === undefined) return {};
    const status = statusOf(policy, this.#host, toTimeText(clock.nowMs()));
    if (JSON.stringify(status) === JSON.stringify(inOrder(policy.status, status))) return {};
    try {
      await client.patch(
        virtualClusterPolicies,
        { name },
        { status },
        { type: 'merge', subresource: 'status', signal },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return {};
  }
}

function statusOf(policy: VirtualClusterPolicy, host: HostInformers, now: string): VirtualClusterPolicyStatus {
  const name = policy.metadata.name ?? '';
  const matched = host.clusters
    .flatMap((informer) => informer.list())
    .filter(({ status }) => status?.policies?.includes(name));
  const violations = matched.flatMap(({ metadata, status }) =>
    (status?.policyViolations ?? [])
      .filter((each) => each.policy === name)
      .map(({ reason, message }) => ({
        namespace: metadata.namespace ?? '',
        name: metadata.name ?? '',
        reason,
        message,
      })),
  );
  violations.sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
  const violating = new Set(violations.map((each) => `${each.namespace}/${each.name}`)).size;
  const is = violating === 0 ? ('True' as const) : ('False' as const);
  const before = policy.status?.conditions?.find(({ type }) => type === 'Fulfilled');
  return {
    observedGeneration: policy.metadata.generation ?? 0,
    matched: matched.length,
    violating,
    violations: violations.slice(0, MAX_LISTED),
    conditions: [
      {
        type: 'Fulfilled',
        status: is,
        reason: violating === 0 ? 'AllFulfil' : 'SomeViolate',
        message: violating === 0 ? '' : `${violating} of ${matched.length} VirtualClusters are not as it wants them`,
        lastTransitionTime: before?.status === is ? (before.lastTransitionTime ?? now) : now,
        observedGeneration: policy.metadata.generation ?? 0,
      },
    ],
  };
}

/** The fields of a status in the order in which ours are written, so that equal ones have equal texts. */
function inOrder(present: unknown, model: unknown): unknown {
  if (Array.isArray(present) && Array.isArray(model)) return present.map((item, i) => inOrder(item, model[i]));
  if (typeof present !== 'object' || present === null || typeof model !== 'object' || model === null) return present;
  const left = present as Record<string, unknown>;
  const keys = [...new Set([...Object.keys(model), ...Object.keys(left)])].filter((key) => key in left);
  return Object.fromEntries(keys.map((key) => [key, inOrder(left[key], (model as Record<string, unknown>)[key])]));
}
