import type { Condition } from '../generated/api/meta/v1.ts';
import { toTimeText } from '../machinery/values/time.ts';
import { advertisedHosts, portOf, toUrl } from './addresses.ts';
import type { Phase, VirtualClusterStatus } from './api/virtual-cluster.ts';
import { namesOf, type Observed, secretText } from './observed.ts';

/** How far the steps came: the conditions of those that are done, and the one that waits or failed. */
export interface Progress {
  readonly done: readonly string[];
  readonly halted?: { readonly condition: string; readonly reason: string; readonly message: string } | undefined;
}

type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** The status that follows from what was observed. Pure, and the only place where status is made. */
export function toStatus(
  observed: Observed,
  progress: Progress,
  caHash: (caPem: string) => string,
): VirtualClusterStatus {
  const { cluster, spec, settings, tenant } = observed;
  const names = namesOf(cluster);
  const host = advertisedHosts(observed)[0];
  const port = portOf(observed.service);
  const ca = secretText(observed.pkiSecret, 'server-ca.crt');
  const verdicts = judge(observed, progress);
  const nodes = tenant?.nodes ?? cluster.status?.nodes ?? { total: 0, ready: 0 };
  return {
    observedGeneration: cluster.metadata.generation ?? 0,
    phase: phaseOf(observed, verdicts),
    version: settings.serverVersion,
    datastore: spec.datastore.type,
    replicas: observed.deployment?.status?.readyReplicas ?? 0,
    nodes: { total: nodes.total, ready: nodes.ready, summary: `${nodes.ready}/${nodes.total}` },
    ...(host === undefined || port === undefined ? {} : { endpoint: toUrl(host, port) }),
    ...(ca === undefined ? {} : { caCertHash: caHash(ca) }),
    ...(observed.kubeconfigSecret === undefined ? {} : { kubeconfigSecretRef: { name: names.kubeconfig } }),
    ...(observed.tokenSecret === undefined ? {} : { tokenSecretRef: { name: names.token } }),
    conditions: verdicts.map((verdict) => withTransition(verdict, observed)),
  };
}

function judge(observed: Observed, { done, halted }: Progress): Verdict[] {
  const verdicts: Verdict[] = done
    .filter((type) => type !== 'ControlPlaneAvailable')
    .map((type) => ({ type, status: 'True', reason: 'AsExpected', message: '' }));
  if (halted !== undefined)
    verdicts.push({ type: halted.condition, status: 'False', reason: halted.reason, message: halted.message });
  else verdicts.push(judgeServer(observed));
  verdicts.push(judgeReady(observed, verdicts));
  verdicts.push({
    type: 'Suspended',
    status: observed.spec.suspend ? 'True' : 'False',
    reason: observed.spec.suspend ? 'SuspendedBySpec' : 'Running',
    message: observed.spec.suspend ? 'spec.suspend is true: the data is kept, the server is stopped' : '',
  });
  return verdicts;
}

function judgeServer({ deployment, spec, tenant }: Observed): Verdict {
  const type = 'ControlPlaneAvailable';
  if (spec.suspend) return { type, status: 'False', reason: 'Suspended', message: 'the tenant is suspended' };
  if (tenant?.ready) return { type, status: 'True', reason: 'Serving', message: 'the tenant answers /readyz' };
  const failed = deployment?.status?.conditions?.find(
    (found) => found.type === 'ReplicaFailure' && found.status === 'True',
  );
  if (failed !== undefined)
    return { type, status: 'False', reason: failed.reason ?? 'ReplicaFailure', message: failed.message ?? '' };
  const stuck = deployment?.status?.conditions?.find(
    (found) => found.type === 'Progressing' && found.status === 'False',
  );
  if (stuck !== undefined)
    return { type, status: 'False', reason: stuck.reason ?? 'Stuck', message: stuck.message ?? '' };
  const ready = deployment?.status?.readyReplicas ?? 0;
  return {
    type,
    status: 'False',
    reason: ready > 0 ? 'NotAnswering' : 'Starting',
    message: ready > 0 ? 'the pod is ready, but the tenant does not answer the operator' : 'the server starts',
  };
}

function judgeReady({ spec }: Observed, verdicts: readonly Verdict[]): Verdict {
  const type = 'Ready';
  if (spec.suspend) return { type, status: 'False', reason: 'Suspended', message: 'the tenant is suspended' };
  const missing = verdicts.find((verdict) => verdict.status !== 'True');
  if (missing !== undefined) return { type, status: 'False', reason: missing.reason, message: missing.message };
  return { type, status: 'True', reason: 'Serving', message: 'the tenant serves its API' };
}

function phaseOf({ cluster, spec, deployment }: Observed, verdicts: readonly Verdict[]): Phase {
  if (cluster.metadata.deletionTimestamp !== undefined) return 'Deleting';
  if (spec.suspend) return 'Suspended';
  if (verdicts.some((verdict) => verdict.type === 'Ready' && verdict.status === 'True')) return 'Ready';
  const wasReady = cluster.status?.phase === 'Ready' || cluster.status?.phase === 'Degraded';
  if (wasReady) return 'Degraded';
  return deployment === undefined ? 'Pending' : 'Provisioning';
}

/** Keeps the time of the last change of a condition that did not change. */
function withTransition(verdict: Verdict, { cluster, nowMs }: Observed): Condition {
  const before = cluster.status?.conditions?.find((condition) => condition.type === verdict.type);
  const changed = before?.status !== verdict.status;
  return {
    ...verdict,
    lastTransitionTime: changed ? toTimeText(nowMs) : (before?.lastTransitionTime ?? toTimeText(nowMs)),
    observedGeneration: cluster.metadata.generation ?? 0,
  };
}
