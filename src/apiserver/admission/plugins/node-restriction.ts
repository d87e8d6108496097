import type { TokenRequest } from '../../../generated/api/authentication/v1.ts';
import type { Node, PersistentVolumeClaim, Pod } from '../../../generated/api/core/v1.ts';
import type { ResourceSlice } from '../../../generated/api/resource/v1.ts';
import {
  csidrivers,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
} from '../../../generated/resource-types.ts';
import { notFound } from '../../../machinery/errors/status-error.ts';
import type { Authorizer, User } from '../../call.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { isSame } from '../../registry/equality.ts';
import { type AdmissionAttempt, type AdmissionPlugin, refused } from '../admission.ts';
import { type ReadRequestSubject, subjectOf } from './certificate-requests.ts';
import { apiReferenceOf } from './pod-api-references.ts';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

interface NodeRestrictionDeps {
  readonly reader: ObjectReader;
  readonly authorizer: Authorizer;
  readonly readSubject: ReadRequestSubject;
}

/** A kubelet changes its own node, and pods that run on it; nothing else. Source: `plugin/pkg/admission/noderestriction`. */
export function nodeRestriction(deps: NodeRestrictionDeps): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    async mutate(attempt) {
      const node = nodeNameOf(attempt.user);
      if (node === undefined) return;
      if (node === '') {
        throw refused(attempt, `could not determine node from user ${JSON.stringify(attempt.user.name)}`);
      }
      const rule = rules[`${attempt.group}/${attempt.resource}`];
      await rule?.(attempt, node, deps);
    },
  };
}

/** The node that a user speaks for; undefined for others. Source: `pkg/auth/nodeidentifier/default.go`. */
export function nodeNameOf(user: User): string | undefined {
  if (!user.name.startsWith('system:node:') || !user.groups.includes('system:nodes')) return undefined;
  return user.name.slice('system:node:'.length);
}

type Rule = (attempt: AdmissionAttempt, node: string, deps: NodeRestrictionDeps) => void | Promise<void>;

const rules: Readonly<Record<string, Rule>> = {
  '/pods': admitPod,
  '/nodes': admitNode,
  '/persistentvolumeclaims': admitClaim,
  '/serviceaccounts': admitToken,
  'coordination.k8s.io/leases': admitLease,
  'storage.k8s.io/csinodes': admitCsiNode,
  'resource.k8s.io/resourceslices': admitResourceSlice,
  'certificates.k8s.io/certificatesigningrequests': admitCertificateRequest,
};

const quote = (text: string): string => JSON.stringify(text);

async function admitPod(attempt: AdmissionAttempt, node: string, deps: NodeRestrictionDeps): Promise<void> {
  switch (attempt.subresource) {
    case '':
      if (attempt.operation === 'CREATE') return admitMirrorPod(attempt, node, deps);
      if (attempt.operation === 'DELETE') {
        const why = `node ${quote(node)} can only delete pods with spec.nodeName set to itself`;
        return requireOwnPod(attempt, node, attempt.name, why, deps);
      }
      throw refused(
        attempt,
        `unexpected operation ${quote(attempt.operation)}, node ${quote(node)} can only create and delete mirror pods`,
      );
    case 'status':
      return admitPodStatus(attempt, node);
    case 'eviction': {
      if (attempt.operation !== 'CREATE') throw refused(attempt, `unexpected operation ${attempt.operation}`);
      const name = attempt.name || (attempt.object?.metadata?.name ?? '');
      if (name === '') throw refused(attempt, 'could not determine pod from request data');
      const why = `node ${node} can only evict pods with spec.nodeName set to itself`;
      return requireOwnPod(attempt, node, name, why, deps);
    }
    default: {
      const name = quote(attempt.subresource);
      throw refused(attempt, `unexpected pod subresource ${name}, only 'status' and 'eviction' are allowed`);
    }
  }
}

async function requireOwnPod(
  attempt: AdmissionAttempt,
  node: string,
  name: string,
  why: string,
  deps: NodeRestrictionDeps,
): Promise<void> {
  const pod = await deps.reader.get(pods, { namespace: attempt.namespace, name });
  if (pod === undefined) throw notFound({ group: '', resource: 'pod' }, name);
  if (pod.spec?.nodeName !== node) throw refused(attempt, why);
}

async function admitMirrorPod(attempt: AdmissionAttempt, node: string, deps: NodeRestrictionDeps): Promise<void> {
  const pod = attempt.object as unknown as Pod;
  const who = `node ${quote(node)}`;
  if (pod.metadata?.annotations?.[MIRROR_ANNOTATION] === undefined) {
    throw refused(
      attempt,
      `pod does not have ${quote(MIRROR_ANNOTATION)} annotation, ${who} can only create mirror pods`,
    );
  }
  if (pod.spec?.nodeName !== node) {
    throw refused(attempt, `${who} can only create pods with spec.nodeName set to itself`);
  }
  const owners = pod.metadata.ownerReferences ?? [];
  if (owners.length > 1) {
    throw refused(attempt, `${who} can only create pods with a single owner reference set to itself`);
  }
  const owner = owners[0];
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refused(attempt, `${who} can only create pods with an owner reference set to itself`);
  }
  if (owner.controller !== true) {
    throw refused(attempt, `${who} can only create pods with a controller owner reference set to itself`);
  }
  if (owner.blockOwnerDeletion === true) {
    throw refused(attempt, `${who} must not set blockOwnerDeletion on an owner reference`);
  }
  const found = await deps.reader.get(nodes, { name: node });
  if (found === undefined) throw notFound({ group: '', resource: 'node' }, node);
  if (owner.uid !== found.metadata?.uid) {
    throw refused(attempt, `node ${node} UID mismatch: expected ${owner.uid} got ${found.metadata?.uid}`);
  }
  const reference = apiReferenceOf(pod);
  if (reference !== undefined) throw refused(attempt, `${who} can not create pods that reference ${reference}`);
}

function admitPodStatus(attempt: AdmissionAttempt, node: string): void {
  if (attempt.operation !== 'UPDATE') throw refused(attempt, `unexpected operation ${quote(attempt.operation)}`);
  const previous = attempt.previous as unknown as Pod;
  const next = attempt.object as unknown as Pod;
  const who = `node ${quote(node)}`;
  if (previous.spec?.nodeName !== node) {
    throw refused(attempt, `${who} can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (!isSame(previous.metadata?.labels ?? {}, next.metadata?.labels ?? {})) {
    throw refused(attempt, `${who} cannot update labels through pod status`);
  }
  if (!isSame(previous.status?.resourceClaimStatuses, next.status?.resourceClaimStatuses)) {
    throw refused(attempt, `${who} cannot update resource claim statues`);
  }
  if (!isSame(previous.status?.extendedResourceClaimStatus, next.status?.extendedResourceClaimStatus)) {
    throw refused(attempt, `${who} cannot update extended resource claim status`);
  }
}

function admitNode(attempt: AdmissionAttempt, node: string): void {
  const who = `node ${quote(node)}`;
  if (attempt.name !== node) throw refused(attempt, `${who} is not allowed to modify node ${quote(attempt.name)}`);
  if (attempt.operation === 'DELETE') return;
  const next = attempt.object as unknown as Node;
  if (attempt.operation === 'CREATE') {
    if (next.spec?.configSource !== undefined) {
      throw refused(attempt, `${who} is not allowed to create pods with a non-nil configSource`);
    }
    const labels = forbiddenLabels(changedKeys(next.metadata?.labels ?? {}, {}));
    if (labels.length > 0) {
      throw refused(attempt, `${who} is not allowed to set the following labels: ${labels.join(', ')}`);
    }
    return;
  }
  const previous = attempt.previous as unknown as Node;
  if (next.spec?.configSource !== undefined && !isSame(next.spec.configSource, previous.spec?.configSource)) {
    throw refused(attempt, `${who} is not allowed to update configSource to a new non-nil configSource`);
  }
  if (!isSame(next.spec?.taints, previous.spec?.taints)) {
    throw refused(attempt, `${who} is not allowed to modify taints`);
  }
  if (!isSame(next.metadata?.ownerReferences, previous.metadata?.ownerReferences)) {
    throw refused(attempt, `${who} is not allowed to modify ownerReferences`);
  }
  const labels = forbiddenLabels(changedKeys(next.metadata?.labels ?? {}, previous.metadata?.labels ?? {}));
  if (labels.length > 0) throw refused(attempt, `is not allowed to modify labels: ${labels.join(', ')}`);
}

function changedKeys(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): readonly string[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].filter((key) => a[key] !== b[key]).sort();
}

/** Labels of the project's domains that kubelets may set. Source: kubelet `pkg/apis/well_known_labels.go`. */
const kubeletLabels = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const kubeletLabelDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

function forbiddenLabels(keys: readonly string[]): readonly string[] {
  return keys.filter((key) => {
    const domain = key.includes('/') ? (key.split('/')[0] ?? '') : '';
    if (isWithin(domain, 'node-restriction.kubernetes.io')) return true;
    if (!isWithin(domain, 'kubernetes.io') && !isWithin(domain, 'k8s.io')) return false;
    return !kubeletLabels.has(key) && !kubeletLabelDomains.some((allowed) => isWithin(domain, allowed));
  });
}

function isWithin(domain: string, parent: string): boolean {
  return domain === parent || domain.endsWith(`.${parent}`);
}

function admitClaim(attempt: AdmissionAttempt, node: string): void {
  if (attempt.subresource !== 'status') throw refused(attempt, 'may only update PVC status');
  if (attempt.operation !== 'UPDATE') throw refused(attempt, `unexpected operation ${quote(attempt.operation)}`);
  if (isSame(withoutReport(attempt.object), withoutReport(attempt.previous))) return;
  const why = `node ${quote(node)} is not allowed to update fields other than status.quantity and status.conditions`;
  throw refused(attempt, why);
}

/** A claim without what the kubelet reports of it. */
function withoutReport(object: AdmissionAttempt['object']): unknown {
  const { metadata, status, ...rest } = object as unknown as PersistentVolumeClaim;
  const { resourceVersion: _revision, managedFields: _fields, ...meta } = metadata ?? {};
  const { capacity: _c, conditions: _d, allocatedResources: _r, allocatedResourceStatuses: _s, ...kept } = status ?? {};
  return { ...rest, metadata: meta, status: kept };
}

async function admitToken(attempt: AdmissionAttempt, node: string, deps: NodeRestrictionDeps): Promise<void> {
  if (attempt.operation !== 'CREATE' || attempt.subresource !== 'token') return;
  const request = attempt.object as unknown as TokenRequest;
  const bound = request.spec.boundObjectRef;
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || !bound.name) {
    throw refused(attempt, 'node requested token not bound to a pod');
  }
  if (!bound.uid) throw refused(attempt, 'node requested token with a pod binding without a uid');
  const pod = await deps.reader.get(pods, { namespace: attempt.namespace, name: bound.name });
  if (pod === undefined) throw notFound({ group: '', resource: 'pod' }, bound.name);
  if (pod.metadata?.uid !== bound.uid) {
    const text = `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw refused(attempt, text);
  }
  if (pod.spec?.nodeName !== node) {
    throw refused(attempt, 'node requested token bound to a pod scheduled on a different node');
  }
  await admitAudience(attempt, request.spec.audiences ?? [], pod, deps);
}

/** A node gets tokens for audiences that the pod's volumes ask for, or that it was granted. */
async function admitAudience(
  attempt: AdmissionAttempt,
  audiences: readonly string[],
  pod: Pod,
  deps: NodeRestrictionDeps,
): Promise<void> {
  if (audiences.length > 1) throw refused(attempt, 'node may only request 0 or 1 audiences');
  const audience = audiences[0] ?? '';
  const asked = await audienceAskedBy(pod, audience, deps.reader);
  if (asked === true) return;
  if (asked !== undefined) throw refused(attempt, `error validating audience ${quote(audience)}: ${asked}`);
  const attributes = {
    isResourceRequest: true,
    verb: 'request-serviceaccounts-token-audience',
    path: '',
    group: '',
    version: 'v1',
    namespace: attempt.namespace,
    resource: audience,
    subresource: '',
    name: attempt.name,
  };
  const { verdict } = await deps.authorizer.authorize(attempt.user, attributes, attempt.signal);
  if (verdict === 'allow') return;
  const who = attempt.user.name;
  const why = `audience ${quote(audience)} not found in pod spec volume, ${who} is not authorized to request tokens for this audience`;
  throw refused(attempt, why);
}

/** True where a volume of the pod asks for tokens of the audience; else what went wrong on the way to that answer. */
async function audienceAskedBy(pod: Pod, audience: string, reader: ObjectReader): Promise<true | string | undefined> {
  const faults = new Set<string>();
  for (const volume of pod.spec?.volumes ?? []) {
    const tokens = (volume.projected?.sources ?? []).map((source) => source.serviceAccountToken);
    if (tokens.some((token) => token !== undefined && (token.audience ?? '') === audience)) return true;
    const claim = volume.ephemeral?.volumeClaimTemplate
      ? `${pod.metadata?.name}-${volume.name}`
      : volume.persistentVolumeClaim?.claimName;
    try {
      const driver =
        claim === undefined ? volume.csi?.driver : await driverOf(pod.metadata?.namespace ?? '', claim, reader);
      if (!driver) continue;
      const found = await reader.get(csidrivers, { name: driver });
      if (found === undefined) throw notFound({ group: 'storage.k8s.io', resource: 'csidriver' }, driver);
      if (found.spec.tokenRequests?.some((request) => request.audience === audience)) return true;
    } catch (error) {
      faults.add(error instanceof Error ? error.message : String(error));
    }
  }
  if (faults.size === 0) return undefined;
  return faults.size === 1 ? [...faults].join() : `[${[...faults].join(', ')}]`;
}

async function driverOf(namespace: string, claim: string, reader: ObjectReader): Promise<string | undefined> {
  const found = await reader.get(persistentvolumeclaims, { namespace, name: claim });
  if (found === undefined) throw notFound({ group: '', resource: 'persistentvolumeclaim' }, claim);
  const name = found.spec?.volumeName ?? '';
  const volume = await reader.get(persistentvolumes, { name });
  if (volume === undefined) throw notFound({ group: '', resource: 'persistentvolume' }, name);
  return volume.spec?.csi?.driver;
}

function admitLease(attempt: AdmissionAttempt, node: string): void {
  if (attempt.namespace !== 'kube-node-lease') {
    throw refused(attempt, 'can only access leases in the "kube-node-lease" system namespace');
  }
  const name = attempt.operation === 'CREATE' ? (attempt.object?.metadata.name ?? '') : attempt.name;
  if (name !== node) throw refused(attempt, 'can only access node lease with the same name as the requesting node');
}

function admitCsiNode(attempt: AdmissionAttempt, node: string): void {
  const name = attempt.operation === 'CREATE' ? (attempt.object?.metadata.name ?? '') : attempt.name;
  if (name !== node) throw refused(attempt, 'can only access CSINode with the same name as the requesting node');
}

function admitResourceSlice(attempt: AdmissionAttempt, node: string): void {
  if (attempt.operation === 'UPDATE') return;
  const slice = (attempt.operation === 'CREATE' ? attempt.object : attempt.previous) as unknown as
    | ResourceSlice
    | undefined;
  if (slice !== undefined && slice.spec.nodeName !== node) {
    const verb = attempt.operation === 'CREATE' ? 'create' : 'delete';
    throw refused(attempt, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
  }
}

/** Certificates that a kubelet asks for carry its own name. */
function admitCertificateRequest(attempt: AdmissionAttempt, node: string, deps: NodeRestrictionDeps): void {
  if (attempt.operation !== 'CREATE' || attempt.subresource !== '') return;
  const signers = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'];
  const spec = attempt.object?.['spec'] as { signerName?: string; request?: string } | undefined;
  if (!signers.includes(spec?.signerName ?? '')) return;
  const { commonName } = subjectOf(attempt, spec?.request ?? '', deps.readSubject, 'unable to parse csr');
  if (commonName === `system:node:${node}`) return;
  throw refused(attempt, `can only create a node CSR with CN=system:node:${node}`);
}
