import type { Client } from '../client/client.ts';
import type { Binding, Node, Pod } from '../generated/api/core/v1.ts';
import { pods } from '../generated/resource-types.ts';
import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import { keyOf, type ResourceType } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Reservation } from './devices/device-scheduling.ts';
import type { VolumeChoice } from './plugins/volume-binding.ts';
import { bindVolumes } from './volumes/bind-volumes.ts';
import type { VolumeLister } from './volumes/volume-lister.ts';

/** What a pod gets on its node beside room. */
export interface Equipment {
  readonly volumes: VolumeChoice;
  readonly devices: Reservation | undefined;
  readonly volumeTimeoutMs: number;
}

export interface BindOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly lister: VolumeLister;
  /** Called where devices must be made ready first. */
  waitsForDevices(): void;
  /** Called once volumes and devices are ready. */
  onPrepared?(): void;
  readonly signal: AbortSignal;
}

/** `gone`: there is no such pod any more. Without a message there is nothing to tell: somebody else was faster. */
export type BindOutcome =
  | { readonly step: 'bound' | 'gone' }
  | { readonly step: 'failed'; readonly message?: string | undefined };

export const needsVolumes = ({ volumes }: Equipment): boolean =>
  volumes.bindings.length + volumes.provisions.length > 0;

/** Whether something is to be made ready before the pod may go to its node. */
export const isPrepared = (equipment: Equipment): boolean => needsVolumes(equipment) || equipment.devices !== undefined;

/**
 * Gives a pod its volumes and devices, and then its node. Rejects never.
 *
 * Source: pkg/scheduler/schedule_one.go (bindingCycle).
 */
export async function bindPod(pod: Pod, node: Node, equipment: Equipment, options: BindOptions): Promise<BindOutcome> {
  const { client, clock, lister, waitsForDevices, signal } = options;
  const { volumes, devices, volumeTimeoutMs } = equipment;
  const { name, namespace, uid } = pod.metadata;
  let step = 'updating the nominated node';
  try {
    // Others can see where the pod is going while its volumes and devices are made ready.
    if (isPrepared(equipment) && pod.status?.nominatedNodeName !== node.metadata.name) {
      const status = { nominatedNodeName: node.metadata.name };
      await client.patch(pods, keyOf(pod), { status }, { type: 'strategic', subresource: 'status' });
    }
    step = 'running PreBind plugin "VolumeBinding"';
    if (needsVolumes(equipment))
      await bindVolumes(node, volumes, { client, clock, lister, signal, timeoutMs: volumeTimeoutMs });
    step = 'running PreBind plugin "DynamicResources"';
    await devices?.bind(waitsForDevices, signal);
    options.onPrepared?.();
    step = 'running Bind plugin "DefaultBinder"';
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: node.metadata.name ?? '' },
    };
    await client.create(pods as unknown as ResourceType<Binding>, binding, { subresource: 'binding' });
    return { step: 'bound' };
  } catch (error) {
    await devices?.undo();
    if (isNotFound(error) && !step.includes('PreBind')) return { step: 'gone' };
    if (isConflict(error)) return { step: 'failed' };
    return { step: 'failed', message: `${step}: ${error instanceof Error ? error.message : String(error)}` };
  }
}
