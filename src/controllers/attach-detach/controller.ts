import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type { CSIDriver, VolumeAttachment } from '../../generated/api/storage/v1.ts';
import {
  csidrivers,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  volumeattachments,
} from '../../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { type Change, onChange, untilSynced } from '../../reconcile/sources.ts';
import { orAborted } from '../../std/abort.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isPodEnded } from '../pods/pod-state.ts';
import { attachmentName, isManaged, multiAttachMessage, planNode, type WantedVolume } from './plan.ts';

/** Pods with claims, by their node. */
const BY_NODE = 'volumes-by-node';

interface Deps {
  readonly client: Client;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly drivers: Informer<CSIDriver>;
  readonly attachments: Informer<VolumeAttachment>;
}

const claimNamesOf = (pod: Pod): string[] =>
  (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim, ephemeral, name }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName ?? ''];
    return ephemeral ? [`${pod.metadata.name}-${name}`] : [];
  });

/** Attaches volumes of CSI drivers to the nodes whose pods need them, and detaches them after. Keys are nodes. */
class AttachDetach implements Reconciler {
  readonly #deps: Deps;
  readonly #unneededSinceMs = new Map<string, number>();
  /** Attachments that were not there yet when they were seen last, with the fault that was told. */
  readonly #pending = new Map<string, string>();
  readonly #blocked = new Set<string>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(nodeName: string): Promise<Result> {
    const { client, clock, attachments } = this.#deps;
    const node = this.#deps.nodes.get(nodeName);
    if (node !== undefined && !isManaged(node)) return done;
    const wanted = node === undefined ? new Map<string, WantedVolume>() : this.#wantedOn(nodeName);
    const own = attachments.list().flatMap((attachment) => {
      const volume = attachment.spec.nodeName === nodeName ? this.#volumeOf(attachment) : undefined;
      return volume === undefined ? [] : [{ attachment, volume }];
    });
    const nowMs = clock.nowMs();
    for (const { attachment } of own) this.#note(attachment, wanted, nowMs);
    const nodesOf = (volume: PersistentVolume) => this.#nodesOf(volume, nodeName);
    const unneededSinceMs = this.#unneededSinceMs;
    const plan = planNode({ node, wanted, attachments: own, nodesOf, unneededSinceMs, nowMs });
    for (const [name, others] of plan.blocked) this.#tellBlocked(name, wanted.get(name), others);
    for (const name of plan.attach) {
      this.#blocked.delete(name);
      await this.#attach(name, nodeName, wanted.get(name));
    }
    if (plan.report !== undefined) {
      // The node must not count on a volume any more before it is taken away.
      const volumesAttached = plan.report.length === 0 ? null : plan.report;
      const patch = client.patch(nodes, { name: nodeName }, { status: { volumesAttached } }, MERGE_STATUS);
      await patch.catch(ignoreNotFound);
    }
    for (const name of plan.detach) {
      await client.delete(volumeattachments, { name }).catch(ignoreNotFound);
      this.#unneededSinceMs.delete(name);
    }
    return plan.againMs === undefined ? done : { requeueAfterMs: plan.againMs };
  }

  /** Volumes that pods on a node need and that must be attached, by the name of the attachment. */
  #wantedOn(nodeName: string): Map<string, WantedVolume> {
    const wanted = new Map<string, WantedVolume>();
    for (const pod of this.#deps.pods.byIndex(BY_NODE, nodeName)) {
      if (isPodEnded(pod)) continue;
      for (const volume of this.#volumesOf(pod)) {
        const name = attachmentName(volume, nodeName);
        wanted.set(name, { volume, pods: [...(wanted.get(name)?.pods ?? []), pod] });
      }
    }
    return wanted;
  }

  #volumesOf(pod: Pod): PersistentVolume[] {
    const { claims, volumes, drivers } = this.#deps;
    return claimNamesOf(pod).flatMap((claimName) => {
      const claim = claims.get(`${pod.metadata.namespace}/${claimName}`);
      const volume = volumes.get(claim?.spec?.volumeName ?? '');
      const { csi, claimRef } = volume?.spec ?? {};
      const isBound = volume !== undefined && claim !== undefined && claimRef?.uid === claim.metadata.uid;
      if (!isBound || csi === undefined) return [];
      return drivers.get(csi.driver ?? '')?.spec.attachRequired === false ? [] : [volume];
    });
  }

  /** Undefined for attachments that others have made. */
  #volumeOf({ metadata, spec }: VolumeAttachment): PersistentVolume | undefined {
    const volume = this.#deps.volumes.get(spec.source.persistentVolumeName ?? '');
    if (volume?.spec?.csi === undefined) return undefined;
    return attachmentName(volume, spec.nodeName) === metadata.name ? volume : undefined;
  }

  #nodesOf({ metadata }: PersistentVolume, except: string): string[] {
    return this.#deps.attachments
      .list()
      .filter(({ spec }) => spec.source.persistentVolumeName === metadata.name && spec.nodeName !== except)
      .map(({ spec }) => spec.nodeName);
  }

  /** Follows an attachment from the wish to the end, and tells its pods. */
  #note({ metadata, status }: VolumeAttachment, wanted: ReadonlyMap<string, WantedVolume>, nowMs: number): void {
    const { name = '' } = metadata;
    const wish = wanted.get(name);
    if (wish !== undefined) this.#unneededSinceMs.delete(name);
    else if (!this.#unneededSinceMs.has(name)) this.#unneededSinceMs.set(name, nowMs);
    const volumeName = JSON.stringify(wish?.volume.metadata.name);
    if (status?.attached) {
      if (!this.#pending.delete(name) || wish === undefined) return;
      this.#tell(
        wish.pods,
        'Normal',
        'SuccessfulAttachVolume',
        `AttachVolume.Attach succeeded for volume ${volumeName} `,
      );
      return;
    }
    const { message = '', time = '' } = status?.attachError ?? {};
    const fault = status?.attachError === undefined ? '' : `${time} ${message}`;
    if (fault !== '' && wish !== undefined && this.#pending.get(name) !== fault) {
      const text = `AttachVolume.Attach failed for volume ${volumeName} : ${message}`;
      this.#tell(wish.pods, 'Warning', 'FailedAttachVolume', text);
    }
    if (wish === undefined) this.#pending.delete(name);
    else this.#pending.set(name, fault);
  }

  #tellBlocked(name: string, wish: WantedVolume | undefined, others: readonly string[]): void {
    if (wish === undefined || this.#blocked.has(name)) return;
    this.#blocked.add(name);
    const users = others.flatMap(
      (nodeName) => this.#wantedOn(nodeName).get(attachmentName(wish.volume, nodeName))?.pods ?? [],
    );
    for (const pod of wish.pods)
      this.#tell([pod], 'Warning', 'FailedAttachVolume', multiAttachMessage(wish.volume, pod, users));
  }

  async #attach(name: string, nodeName: string, wish: WantedVolume | undefined): Promise<void> {
    if (wish === undefined) return;
    const { volume, pods: users } = wish;
    this.#pending.set(name, '');
    const source = { persistentVolumeName: volume.metadata.name };
    const spec = { attacher: volume.spec?.csi?.driver ?? '', nodeName, source };
    try {
      await this.#deps.client.create(volumeattachments, { metadata: { name }, spec } as VolumeAttachment);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      const what = `AttachVolume.Attach failed for volume ${JSON.stringify(volume.metadata.name)}`;
      const why = error instanceof Error ? error.message : String(error);
      this.#tell(users, 'Warning', 'FailedAttachVolume', `${what} : kubernetes.io/csi: attacher.Attach failed: ${why}`);
      throw error;
    }
  }

  #tell(users: readonly Pod[], type: 'Normal' | 'Warning', reason: string, message: string): void {
    for (const pod of users) this.#deps.recorder.event(referenceTo(pods, pod), type, reason, message);
  }
}

const MERGE_STATUS = { type: 'merge', subresource: 'status' } as const;

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/**
 * Source: `pkg/controller/volume/attachdetach/attach_detach_controller.go`. Volumes of drivers that were built into
 * Kubernetes once are left alone.
 */
export async function runAttachDetachController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const volumes = informers.for(persistentvolumes);
  // Clusters without volumes of CSI drivers need none of the rest.
  await untilFirst(volumes, ({ spec }) => spec?.csi !== undefined, signal);
  if (signal.aborted) return;
  const client = clientFor(controllerUser('attachdetach-controller'));
  const podInformer = informers.for(pods);
  podInformer.addIndex(BY_NODE, (pod) =>
    pod.spec.nodeName && claimNamesOf(pod).length > 0 ? [pod.spec.nodeName] : [],
  );
  const all: Deps = {
    client,
    clock,
    recorder: deps.events('attachdetach-controller', client),
    nodes: informers.for(nodes),
    pods: podInformer,
    claims: informers.for(persistentvolumeclaims),
    volumes,
    drivers: informers.for(csidrivers),
    attachments: informers.for(volumeattachments),
  };
  const nodesOfClaim = (namespace: string | undefined, name: string | undefined): string[] =>
    podInformer
      .list(namespace)
      .filter((pod) => pod.spec.nodeName && claimNamesOf(pod).includes(name ?? ''))
      .map((pod) => pod.spec.nodeName ?? '');
  const sources = [
    onChange(podInformer, ({ object }) =>
      object.spec.nodeName && claimNamesOf(object).length > 0 ? [object.spec.nodeName] : [],
    ),
    onChange(all.nodes, (change) => (matters(change) ? [change.object.metadata.name ?? ''] : [])),
    onChange(all.claims, ({ object: { metadata } }) => nodesOfClaim(metadata.namespace, metadata.name)),
    onChange(volumes, ({ object }) => nodesOfClaim(object.spec?.claimRef?.namespace, object.spec?.claimRef?.name)),
    // A volume that is free again may be what pods on other nodes wait for.
    onChange(all.attachments, ({ type, object: { spec } }) => {
      const claimRef = volumes.get(spec.source.persistentVolumeName ?? '')?.spec?.claimRef;
      const waiting = type === 'deleted' ? nodesOfClaim(claimRef?.namespace, claimRef?.name) : [];
      return [spec.nodeName, ...waiting];
    }),
    untilSynced(all.drivers),
  ];
  const reconciler = new AttachDetach(all);
  await runController({ name: 'attach-detach', reconciler, sources, clock, logger, metrics }, signal);
}

/** Whether a node's change can matter to its volumes; heartbeats do not. */
function matters({ object, previous }: Change<Node>): boolean {
  if (previous === undefined) return true;
  const relevant = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([
      isManaged({ metadata, spec, status }),
      status?.volumesInUse,
      status?.volumesAttached,
      spec?.taints,
      status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    ]);
  return relevant(object) !== relevant(previous);
}

async function untilFirst(
  informer: Informer<PersistentVolume>,
  isIt: (object: PersistentVolume) => boolean,
  signal: AbortSignal,
): Promise<void> {
  let stop = (): void => {};
  const found = new Promise<void>((resolve) => {
    const look = (object: PersistentVolume): void => {
      if (isIt(object)) resolve();
    };
    stop = informer.addHandler({ added: look, updated: look });
  });
  await orAborted(found, signal).catch(() => {});
  stop();
}
