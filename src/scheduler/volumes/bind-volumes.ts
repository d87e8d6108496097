import type { Client } from '../../client/client.ts';
import type { Node, PersistentVolumeClaim } from '../../generated/api/core/v1.ts';
import { persistentvolumeclaims, persistentvolumes } from '../../generated/resource-types.ts';
import { keyOf } from '../../machinery/object/object.ts';
import { BOUND_BY_CONTROLLER, SELECTED_NODE } from '../../resources/core/persistent-volume/matching.ts';
import type { Clock } from '../../std/clock.ts';
import { isBound, isReachable, type VolumeChoice } from '../plugins/volume-binding.ts';
import type { VolumeLister } from './volume-lister.ts';

export interface BindVolumesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly lister: VolumeLister;
  readonly signal: AbortSignal;
  /** How long claims may take, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Gives waiting claims their volumes on the chosen node: reserves those that are there, tells provisioners where
 * to make the others, and waits until the volume controller has bound them all.
 *
 * @throws Error where a claim cannot be bound, its provisioner gives up, or the time is over.
 * Source: plugins/volumebinding/binder.go (BindPodVolumes).
 */
export async function bindVolumes(node: Node, choice: VolumeChoice, options: BindVolumesOptions): Promise<void> {
  const { client, clock, lister, signal, timeoutMs } = options;
  for (const { claim, volume } of choice.bindings) {
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
    const patch = {
      // A volume that another claim has taken meanwhile is refused by its version.
      metadata: { resourceVersion: volume.metadata.resourceVersion, annotations: { [BOUND_BY_CONTROLLER]: 'yes' } },
      spec: { claimRef },
    };
    await client.patch(persistentvolumes, keyOf(volume), patch, { type: 'merge' });
  }
  for (const claim of choice.provisions) {
    const { resourceVersion } = claim.metadata;
    const patch = { metadata: { resourceVersion, annotations: { [SELECTED_NODE]: node.metadata.name } } };
    await client.patch(persistentvolumeclaims, keyOf(claim), patch, { type: 'merge' });
  }
  const provisioned = new Set(choice.provisions.map(({ metadata }) => metadata.uid));
  const hasSeenSelection = new Set<string | undefined>();

  const isServed = ({ metadata: { namespace = '', name = '', uid } }: PersistentVolumeClaim): boolean => {
    const claim = lister.claim(namespace, name);
    if (claim === undefined || claim.metadata.uid !== uid) throw new Error(`persistentvolumeclaim "${name}" is gone`);
    const selected = claim.metadata.annotations?.[SELECTED_NODE];
    if (selected !== undefined) hasSeenSelection.add(uid);
    if (isBound(claim)) {
      const volume = lister.volume(claim.spec?.volumeName ?? '');
      if (volume !== undefined && !isReachable(volume, node))
        throw new Error(`pv "${volume.metadata.name}" node affinity doesn't match node "${node.metadata.name}"`);
      return volume !== undefined;
    }
    // A provisioner that fails takes the annotation away, so that the pod can go elsewhere.
    if (provisioned.has(uid) && selected === undefined && hasSeenSelection.has(uid))
      throw new Error(`provisioning failed for PVC "${name}"`);
    return false;
  };

  const claims = [...choice.bindings.map(({ claim }) => claim), ...choice.provisions];
  const endMs = clock.nowMs() + timeoutMs;
  while (!claims.every(isServed)) {
    const leftMs = endMs - clock.nowMs();
    if (leftMs <= 0) throw new Error('binding volumes: context deadline exceeded');
    await lister.nextChange(clock, leftMs, signal);
  }
}
