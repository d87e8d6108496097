import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Condition } from '../generated/api/meta/v1.ts';
import { toTimeText } from '../machinery/values/time.ts';
import { advertised, portOf, publicUrl, toUrl } from './addresses.ts';
import { type Phase, ROTATE_TOKEN, type VirtualClusterStatus } from './api/virtual-cluster.ts';
import { namesOf, type Observed, secretText } from './observed.ts';
import type { PolicyVerdict } from './policies/judge.ts';
import type { ObservedRegistries } from './registries.ts';
import { RESTORED_FROM } from './restore.ts';
import { skewedNodes, toSkewMessage } from './skew.ts';
import { noAddressMessage } from './steps/address.ts';
import { CA_ROTATION } from './steps/certificates.ts';
import { NEXT_PASSWORD } from './steps/token.ts';
import { troubleOf } from './trouble.ts';

/** What a tenant waits for. */
export interface Halt {
  readonly condition: string;
  readonly reason: string;
  readonly message: string;
}

/** Something that the host refused, without which the tenant goes on. */
export interface Fault extends Halt {
  readonly kind: string;
}

/** How far the steps came: the conditions of those that are done, and the one that waits or failed. */
export interface Progress {
  readonly done: readonly string[];
  readonly halted?: Halt | undefined;
  readonly faults?: readonly Fault[] | undefined;
}

const POLICY = 'PolicyViolation';
const SKEW = 'NodeVersionSkew';

type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;
type Judgement = readonly [status: Verdict['status'], reason: string, message: string];

/** The status that follows from what was observed. Pure, and the only place where status is made. */
export function toStatus(
  observed: Observed,
  progress: Progress,
  caHash: (caPem: string) => string,
): VirtualClusterStatus {
  const { cluster, spec, settings, tenant } = observed;
  const names = namesOf(cluster);
  const host = advertised(observed).hosts[0];
  const port = portOf(observed.service);
  const ca = secretText(observed.pkiSecret, 'server-ca.crt');
  const verdicts = judge(observed, progress);
  const nodes = tenant?.nodes ?? cluster.status?.nodes ?? { total: 0, ready: 0 };
  const rotation = rotationDone(observed);
  // Empty: none any more; a merge patch takes nothing away by itself.
  const published = publicUrl(spec) ?? (cluster.status?.publicEndpoint === undefined ? undefined : '');
  const caRotation = observed.pkiSecret?.metadata.annotations?.[CA_ROTATION];
  const restored = observed.pkiSecret?.metadata.annotations?.[RESTORED_FROM];
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
    ...(rotation === undefined ? {} : { tokenRotation: rotation }),
    ...(observed.policy === undefined
      ? // A merge patch takes nothing away by itself.
        cluster.status?.policies === undefined
        ? {}
        : { policies: [], policyViolations: [] }
      : {
          policies: [...observed.policy.policies],
          policyViolations: observed.policy.violations.map(({ policy, reason, message }) => ({
            policy,
            reason,
            message,
          })),
        }),
    ...(published === undefined ? {} : { publicEndpoint: published }),
    ...(caRotation === undefined ? {} : { caRotation }),
    ...(restored === undefined ? {} : { restoredFrom: restored }),
    conditions: verdicts.map((verdict) => withTransition(verdict, observed)),
  };
}

/** The wish for another token that has come true last. */
function rotationDone({ cluster, tokenSecret, tokenRotated }: Observed): string | undefined {
  const wished = cluster.metadata.annotations?.[ROTATE_TOKEN];
  const pending = secretText(tokenSecret, NEXT_PASSWORD) !== undefined;
  return tokenRotated === true && !pending ? wished : cluster.status?.tokenRotation;
}

/** What the steps stand for, in the order in which users read it. */
const judges: Readonly<Record<string, (observed: Observed) => Judgement>> = {
  UpToDate: judgeVersionOf,
  DatastoreReady: ({ spec }) =>
    spec.datastore.type === 'SQLite'
      ? ['True', 'VolumeClaimed', 'one SQLite file on a volume of its own']
      : ['True', 'EndpointKnown', `the DSN is in Secret ${spec.datastore.secretRef?.name}`],
  EndpointReachable: judgeEndpoint,
  ControlPlaneAvailable: judgeServer,
  KubeconfigReady: ({ cluster }) => ['True', 'Issued', `it is in Secret ${namesOf(cluster).kubeconfig}`],
};

function judge(observed: Observed, progress: Progress): Verdict[] {
  const { cluster, spec } = observed;
  const aspects = Object.entries(judges).map(([type, judgeAspect]): Verdict => {
    const { halted, done } = progress;
    if (halted?.condition === type) return { type, status: 'False', reason: halted.reason, message: halted.message };
    if (halted !== undefined && !done.includes(type)) {
      const what = halted.condition === POLICY ? 'a wish that its policies allow' : halted.condition;
      return { type, status: 'Unknown', reason: 'Waiting', message: `waits for ${what}` };
    }
    const [first] = progress.faults ?? [];
    const judgement = judgeAspect(observed);
    // What the host refused is not as wished; what was there before serves on.
    if (type === 'UpToDate' && first !== undefined && observed.versionFault === undefined)
      return { type, status: 'False', reason: first.reason, message: textOf(progress) };
    return toVerdict(type, judgement);
  });
  return [
    judgeReady(observed, aspects, progress),
    ...aspects,
    toVerdict('NodesReady', judgeNodes(observed)),
    ...(observed.registries === undefined ? [] : [toVerdict('RegistriesReady', judgeRegistries(observed.registries))]),
    ...(publicUrl(spec) === undefined ? [] : [toVerdict('Published', judgePublication(observed, progress))]),
    ...(observed.policy === undefined ? [] : [toVerdict(POLICY, judgePolicy(observed.policy))]),
    ...(observed.backups.length === 0 ? [] : [toVerdict('BackupHealthy', judgeBackups(observed))]),
    toVerdict(
      'Suspended',
      spec.suspend
        ? cluster.spec.suspend
          ? ['True', 'SuspendedBySpec', 'spec.suspend is true: the data is kept, the server is stopped']
          : ['True', 'ScaledToZero', 'spec.replicas is 0: the data is kept, the server is stopped']
        : ['False', 'Running', ''],
    ),
  ];
}

const textOf = ({ faults = [] }: Progress): string => faults.map(({ message }) => message).join('; ');

function toVerdict(type: string, [status, reason, message]: Judgement): Verdict {
  return { type, status, reason, message };
}

function judgeVersionOf({ cluster, versionFault, settings, tenant, deployment }: Observed): Judgement {
  if (versionFault !== undefined) return ['False', versionFault.reason, versionFault.message];
  const skewed = skewedNodes(tenant?.kubelets ?? {}, settings.serverVersion);
  if (skewed.length > 0) return ['False', SKEW, toSkewMessage(skewed)];
  if (deployment !== undefined && isRollingOut(deployment))
    return [
      'False',
      'RollingOut',
      `${deployment.status?.updatedReplicas ?? 0} of ${deployment.spec?.replicas ?? 1} replicas run the newest wish`,
    ];
  // A tenant that does not answer at the moment has no other machines for that.
  const before = cluster.status?.conditions?.find(({ reason }) => reason === SKEW);
  if (tenant === undefined && before !== undefined && before.message.includes(`(${settings.serverVersion})`))
    return ['False', SKEW, before.message];
  return ['True', 'AsWished', `runs ${settings.serverVersion}`];
}

/** Until the host has seen the newest wish, what it says is about an older one. */
function isRollingOut({ metadata, spec, status }: Deployment): boolean {
  const { replicas = 0, updatedReplicas = 0, observedGeneration } = status ?? {};
  if (observedGeneration === undefined) return updatedReplicas < replicas;
  const isSeen = observedGeneration >= (metadata.generation ?? 0);
  return !isSeen || updatedReplicas < Math.max(replicas, spec?.replicas ?? 1);
}

function judgeEndpoint(observed: Observed): Judgement {
  if (observed.spec.suspend) return ['False', 'Suspended', 'the tenant is suspended'];
  if (!observed.tenant?.ready) return ['False', 'NotAnswering', 'nobody answers at the endpoint yet'];
  if (advertised(observed).earlier)
    return ['True', 'EarlierAddress', `the earlier address serves: ${noAddressMessage(observed)}`];
  return ['True', 'Reachable', 'the tenant answers through its Service'];
}

function judgeServer({ deployment, pods, spec, tenant }: Observed): Judgement {
  if (spec.suspend) return ['False', 'Suspended', 'the tenant is suspended'];
  const trouble = troubleOf(pods, deployment);
  const ready = deployment?.status?.readyReplicas ?? 0;
  if (tenant?.ready) {
    const some = trouble !== undefined && ready < spec.replicas;
    return ['True', 'Serving', some ? `the tenant answers; but ${trouble.message}` : 'the tenant answers /readyz'];
  }
  if (trouble !== undefined) return ['False', trouble.reason, trouble.message];
  if (ready > 0) return ['False', 'NotAnswering', 'the pod is ready, but the tenant does not answer the operator'];
  return ['False', 'Starting', 'the server starts'];
}

/** Tells of the machines; it does not make the tenant less Ready, which needs none. */
function judgeNodes({ tenant }: Observed): Judgement {
  if (tenant === undefined) return ['Unknown', 'NotAnswering', 'the tenant was not asked'];
  const { total, ready } = tenant.nodes;
  if (total === 0) return ['False', 'NoNodes', 'no machine has joined yet'];
  if (ready < total) return ['False', 'NodesNotReady', `${total - ready} of ${total} nodes are not ready`];
  return ['True', 'AllReady', `${total} of ${total} nodes are ready`];
}

/** Told only where the tenant names registries. */
function judgeRegistries({ fault }: ObservedRegistries): Judgement {
  if (fault !== undefined) return ['False', fault.reason, fault.message];
  return ['True', 'Served', 'machines get them when they join, and when they ask for them again'];
}

/** Told only where users come by a name. */
function judgePublication({ spec, ingress, tlsRoute, routeVersion }: Observed, { faults = [] }: Progress): Judgement {
  const fault = faults.find(({ kind }) => kind === 'Ingress' || kind === 'TLSRoute');
  if (fault !== undefined) return ['False', fault.reason, fault.message];
  if (spec.exposure.gateway !== undefined && routeVersion === undefined)
    return ['False', 'GatewayApiMissing', 'the host cluster has no TLSRoutes: install the Gateway API'];
  if (spec.exposure.ingress !== undefined && ingress === undefined)
    return ['False', 'IngressMissing', 'the Ingress is not there yet'];
  if (spec.exposure.gateway !== undefined && tlsRoute === undefined)
    return ['False', 'RouteMissing', 'the TLSRoute is not there yet'];
  const parents = (tlsRoute?.['status'] as RouteStatus | undefined)?.parents ?? [];
  const refused = parents
    .flatMap(({ conditions = [] }) => conditions)
    .find(({ type, status }) => type === 'Accepted' && status === 'False');
  if (refused !== undefined) return ['False', refused.reason ?? 'NotAccepted', refused.message ?? ''];
  return ['True', 'Routed', `users reach the API at ${publicUrl(spec)}`];
}

interface RouteStatus {
  readonly parents?: readonly { readonly conditions?: readonly Partial<Condition>[] }[];
}

/** Told only where a policy is for the tenant. */
function judgePolicy({ violations }: PolicyVerdict): Judgement {
  const [first] = violations;
  if (first === undefined) return ['False', 'AsAllowed', 'its policies allow what it is'];
  return ['True', first.reason, violations.map(({ message }) => message).join('; ')];
}

/** Told only where backups are asked for. One that fails is told even where others do not. */
function judgeBackups({ backups }: Observed): Judgement {
  const verdicts = backups.flatMap(({ metadata, status }) => {
    const found = status?.conditions?.find(({ type }) => type === 'Healthy');
    return found === undefined ? [] : [{ ...found, message: `${metadata.name}: ${found.message}` }];
  });
  const worst =
    verdicts.find(({ status }) => status === 'False') ??
    verdicts.find(({ status }) => status === 'True') ??
    verdicts[0];
  if (worst === undefined) return ['Unknown', 'NoBackupYet', 'no backup was made yet'];
  return [worst.status as Judgement[0], worst.reason, worst.message];
}

/** A tenant is Ready when it serves; that it waits for another version does not make it less so. */
function judgeReady({ spec }: Observed, aspects: readonly Verdict[], { halted }: Progress): Verdict {
  const type = 'Ready';
  if (spec.suspend) return { type, status: 'False', reason: 'Suspended', message: 'the tenant is suspended' };
  // Nothing is made of what a policy does not allow.
  if (halted?.condition === POLICY) return { type, status: 'False', reason: halted.reason, message: halted.message };
  const missing =
    aspects.find((verdict) => verdict.type === halted?.condition) ??
    aspects.find((verdict) => verdict.type === 'ControlPlaneAvailable' && verdict.status !== 'True') ??
    aspects.find((verdict) => verdict.type !== 'UpToDate' && verdict.status !== 'True');
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
