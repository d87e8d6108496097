import { createHash } from 'node:crypto';
import type { AttachedVolume, Node, PersistentVolume, Pod } from '../../generated/api/core/v1.ts';
import type { VolumeAttachment } from '../../generated/api/storage/v1.ts';

/** Set by kubelets that leave attaching to us. */
const MANAGED = 'volumes.kubernetes.io/controller-managed-attach-detach';
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
/** How long a node that does not answer may keep a volume. Source: attachdetach (ReconcilerMaxWaitForUnmountDuration). */
const LONGEST_UNMOUNT_MS = 6 * 60_000;

/** A volume that pods on a node need. */
export interface WantedVolume {
  readonly volume: PersistentVolume;
  readonly pods: readonly Pod[];
}

/** The name of a volume's attachment to a node. Source: `pkg/volume/csi/csi_attacher.go` (getAttachmentName). */
export function attachmentName({ spec }: PersistentVolume, nodeName: string): string {
  const { volumeHandle = '', driver = '' } = spec?.csi ?? {};
  return `csi-${createHash('sha256').update(`${volumeHandle}${driver}${nodeName}`).digest('hex')}`;
}

/** How a node calls a volume. Source: `pkg/volume/util/util.go` (GetUniqueVolumeName), csi_plugin.go (GetVolumeName). */
export function uniqueName({ spec }: PersistentVolume): string {
  return `kubernetes.io/csi/${spec?.csi?.driver}^${spec?.csi?.volumeHandle}`;
}

/** Whether a node leaves it to us what is attached to it. */
export const isManaged = ({ metadata }: Node): boolean => metadata.annotations?.[MANAGED] !== undefined;

/** Whether only one node at a time may have a volume. Source: `pkg/volume/util/util.go` (IsMultiAttachAllowed). */
export function isExclusive({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length > 0 && !modes.includes('ReadWriteMany') && !modes.includes('ReadOnlyMany');
}

export interface NodeState {
  /** Undefined for a node that is gone. */
  readonly node: Node | undefined;
  /** By the name of the attachment. */
  readonly wanted: ReadonlyMap<string, WantedVolume>;
  /** Ours, to this node; with the volume where it is known. */
  readonly attachments: readonly { readonly attachment: VolumeAttachment; readonly volume: PersistentVolume }[];
  /** Other nodes that have a volume. */
  nodesOf(volume: PersistentVolume): readonly string[];
  /** Since when nobody has needed an attachment, in milliseconds. */
  readonly unneededSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

export interface NodePlan {
  readonly attach: readonly string[];
  /** Volumes that other nodes have, by the name of the attachment. */
  readonly blocked: ReadonlyMap<string, readonly string[]>;
  /** What the node is told to have; undefined where it stays as it is. */
  readonly report: readonly AttachedVolume[] | undefined;
  /** Done after the node has been told. */
  readonly detach: readonly string[];
  /** When to look again at what is still mounted. */
  readonly againMs?: number | undefined;
}

/**
 * What is to be done for a node: attach what its pods need, and detach what they do not need any more, once the node has
 * unmounted it. A node that is not ready may keep it for six minutes, one that is out of service not at all.
 *
 * Source: `pkg/controller/volume/attachdetach/reconciler/reconciler.go`.
 */
export function planNode(state: NodeState): NodePlan {
  const { node, wanted, attachments, nowMs } = state;
  const present = new Set(attachments.map(({ attachment }) => attachment.metadata.name ?? ''));
  const attach: string[] = [];
  const blocked = new Map<string, readonly string[]>();
  for (const [name, { volume }] of node === undefined ? [] : wanted) {
    if (present.has(name)) continue;
    const others = isExclusive(volume) ? state.nodesOf(volume) : [];
    if (others.length > 0) blocked.set(name, others);
    else attach.push(name);
  }
  const mounted = new Set(node?.status?.volumesInUse ?? []);
  const detach: string[] = [];
  const reported: AttachedVolume[] = [];
  let againMs: number | undefined;
  for (const { attachment, volume } of attachments) {
    const { name = '', deletionTimestamp } = attachment.metadata;
    if (deletionTimestamp !== undefined) continue;
    const unique = uniqueName(volume);
    if (!wanted.has(name)) {
      const leftMs = (state.unneededSinceMs.get(name) ?? nowMs) + LONGEST_UNMOUNT_MS - nowMs;
      if (!mounted.has(unique) || isForced(node, leftMs)) {
        detach.push(name);
        continue;
      }
      if (leftMs > 0) againMs = Math.min(againMs ?? leftMs, leftMs);
    }
    if (attachment.status?.attached) reported.push({ name: unique, devicePath: '' });
  }
  return { attach, blocked, report: node === undefined ? undefined : changed(node, reported), detach, againMs };
}

function isForced(node: Node | undefined, leftMs: number): boolean {
  if (node === undefined) return true;
  if (node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return false;
  return leftMs <= 0 || (node.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) ?? false);
}

function changed({ status }: Node, reported: readonly AttachedVolume[]): readonly AttachedVolume[] | undefined {
  const before = new Set((status?.volumesAttached ?? []).map(({ name }) => name));
  const isSame = before.size === reported.length && reported.every(({ name }) => before.has(name));
  return isSame ? undefined : reported;
}

/** What a pod is told whose volume another node has; it learns no names from other namespaces. */
export function multiAttachMessage(volume: PersistentVolume, pod: Pod, users: readonly Pod[]): string {
  const prefix = `Multi-Attach error for volume ${JSON.stringify(volume.metadata.name)}`;
  if (users.length === 0)
    return `${prefix} Volume is already exclusively attached to one node and can't be attached to another`;
  const local = users.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace);
  const others = users.length - local.length;
  if (local.length === 0) return `${prefix} Volume is already used by ${others} pod(s) in different namespaces`;
  const names = `${prefix} Volume is already used by pod(s) ${local.map(({ metadata }) => metadata.name).join(', ')}`;
  return others === 0 ? names : `${names} and ${others} pod(s) in different namespaces`;
}
