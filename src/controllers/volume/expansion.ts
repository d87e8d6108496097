import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/api/core/v1.ts';
import { persistentvolumeclaims, persistentvolumes } from '../../generated/resource-types.ts';
import { toKeyText } from '../../machinery/object/object.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange, untilSynced } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';

/** Whether a bound claim asks for more than it has. */
export function wishesMore({ spec, status }: PersistentVolumeClaim): boolean {
  const wanted = spec?.resources?.requests?.['storage'];
  if (status?.phase !== 'Bound' || wanted === undefined) return false;
  return parseQuantity(wanted).nano > parseQuantity(status.capacity?.['storage'] ?? '0').nano;
}

/**
 * Says on a claim whose size was raised that somebody else expands it: no kind of volume is expanded by the controllers
 * themselves any more.
 *
 * Source: `pkg/controller/volume/expand/expand_controller.go`.
 */
class VolumeExpansion implements Reconciler {
  readonly #recorder: EventRecorder;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;

  constructor(recorder: EventRecorder, claims: Informer<PersistentVolumeClaim>, volumes: Informer<PersistentVolume>) {
    this.#recorder = recorder;
    this.#claims = claims;
    this.#volumes = volumes;
  }

  async reconcile(key: string): Promise<Result> {
    const claim = this.#claims.get(key);
    if (claim === undefined || !wishesMore(claim)) return done;
    const { claimRef } = this.#volumes.get(claim.spec?.volumeName ?? '')?.spec ?? {};
    if (claimRef?.namespace !== claim.metadata.namespace || claimRef?.uid !== claim.metadata.uid) {
      throw new Error(`persistent Volume is not bound to PVC being updated : ${key}`);
    }
    const message = 'waiting for an external controller to expand this PVC';
    this.#recorder.event(referenceTo(persistentvolumeclaims, claim), 'Normal', 'ExternalExpanding', message);
    return done;
  }
}

export function runVolumeExpansion(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const claims = informers.for(persistentvolumeclaims);
  const volumes = informers.for(persistentvolumes);
  const recorder = deps.events('volume_expand', clientFor(controllerUser('expand-controller')));
  const sizeOf = (text: string | undefined): bigint => parseQuantity(text ?? '0').nano;
  const sources = [
    onChange(claims, ({ type, object, previous }) => {
      if (type === 'deleted' || object.status?.phase !== 'Bound') return [];
      const wish = (each: PersistentVolumeClaim): bigint => sizeOf(each.spec?.resources?.requests?.['storage']);
      const size = (each: PersistentVolumeClaim): bigint => sizeOf(each.status?.capacity?.['storage']);
      const grows = previous === undefined || wish(object) > wish(previous) || size(object) > size(previous);
      const { namespace, name = '' } = object.metadata;
      return grows ? [toKeyText({ namespace, name })] : [];
    }),
    untilSynced(volumes),
  ];
  const reconciler = new VolumeExpansion(recorder, claims, volumes);
  return runController({ name: 'volume-expand', reconciler, sources, clock, logger, metrics }, signal);
}
