import type { Deployment, ReplicaSet } from '../../generated/api/apps/v1.ts';
import type { PodTemplateSpec } from '../../generated/api/core/v1.ts';
import { toStableText } from '../safe-hash.ts';
import { parseTime } from '../timestamps.ts';
import { maxSurgeOf } from './fenceposts.ts';

/** Source: `pkg/controller/deployment/util/deployment_util.go`. */
export const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED = 'deployment.kubernetes.io/desired-replicas';
export const MAX = 'deployment.kubernetes.io/max-replicas';
export const HASH_LABEL = 'pod-template-hash';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** The wish of an old client to go back to a revision. */
export const ROLLBACK_TO = 'deprecated.deployment.rollback.to';
const notCopied = new Set([LAST_APPLIED, REVISION, HISTORY, DESIRED, MAX, ROLLBACK_TO]);
const MAX_HISTORY_LENGTH = 2000;

/** Whether an annotation is carried between a deployment and its replica sets. */
export function isCopied(key: string): boolean {
  return !notCopied.has(key);
}

type Annotations = Record<string, string>;

/** Revision of a replica set, which can be any number of 64 bits; 0 where it has none, or none that can be read. */
export function revisionOf(replicaSet: ReplicaSet): bigint {
  return toRevision(replicaSet.metadata.annotations?.[REVISION]);
}

/** A revision's text as a number; 0 for what is no number. */
export function toRevision(text: string | undefined): bigint {
  return text !== undefined && /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : 0n;
}

/** The newest first. */
export function byRevision(a: bigint, b: bigint): number {
  return a === b ? 0 : a > b ? -1 : 1;
}

export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const difference = (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0);
  return difference || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}

/** The oldest replica set with the deployment's pod template, whatever its hash label says. */
export function findNewReplicaSet(deployment: Deployment, all: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = templateText(deployment.spec.template);
  return [...all].sort(byCreation).find((each) => templateText(each.spec.template ?? {}) === wanted);
}

/** A template as a text to compare, without the hash that replica sets add. */
export function templateText(template: PodTemplateSpec): string {
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
  // Empty and absent labels are the same wish.
  const metadata = { ...template.metadata, labels: Object.keys(labels).length > 0 ? labels : undefined };
  return toStableText({ ...template, metadata });
}

/**
 * Annotations of the new replica set: the deployment's own, its revision, and the revisions that it had before (after a
 * roll-back an old replica set becomes the newest again). Undefined where nothing changes.
 */
export function planAnnotations(
  deployment: Deployment,
  replicaSet: ReplicaSet | undefined,
  revision: bigint,
): Annotations | undefined {
  const current: Annotations = replicaSet?.metadata.annotations ?? {};
  const next: Annotations = { ...current };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (isCopied(key)) next[key] = value;
  }
  const old = current[REVISION];
  if (toRevision(old) < revision) {
    next[REVISION] = String(revision);
    if (old !== undefined) next[HISTORY] = appendRevision(current[HISTORY] ?? '', old);
  }
  if (replicaSet === undefined) Object.assign(next, replicaAnnotations(deployment));
  return toStableText(next) === toStableText(current) ? undefined : next;
}

function appendRevision(history: string, revision: string): string {
  const revisions = history === '' ? [] : history.split(',');
  while (revisions.length > 0 && [...revisions, revision].join(',').length > MAX_HISTORY_LENGTH) revisions.shift();
  return [...revisions, revision].join(',');
}

/** What a replica set remembers of its deployment's size: proportional scaling starts from it. */
export function replicaAnnotations(deployment: Deployment): Annotations {
  const replicas = deployment.spec.replicas ?? 1;
  return { [DESIRED]: String(replicas), [MAX]: String(replicas + maxSurgeOf(deployment)) };
}
