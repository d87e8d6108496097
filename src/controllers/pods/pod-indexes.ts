import type { Informer } from '../../client/informer.ts';
import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { controllerOf, type KubeObject } from '../../machinery/object/object.ts';
import { matchesSelector } from '../selector.ts';

const CONTROLLER_INDEX = 'controller-uid';

/** Indexes objects by who controls them; those that nobody controls by their namespace. */
export function indexByController<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex(CONTROLLER_INDEX, (object) => {
    const uid = controllerOf(object)?.uid;
    return [uid ?? `nobody|${object.metadata.namespace ?? ''}`];
  });
}

/** Objects that the owner controls. */
export function controlledBy<T extends KubeObject>(informer: Informer<T>, owner: KubeObject): readonly T[] {
  return informer.byIndex(CONTROLLER_INDEX, owner.metadata.uid ?? '');
}

/** Objects that the owner controls or may adopt: all that a claim has to look at. */
export function claimable<T extends KubeObject>(informer: Informer<T>, owner: KubeObject): readonly T[] {
  const orphans = informer.byIndex(CONTROLLER_INDEX, `nobody|${owner.metadata.namespace ?? ''}`);
  return [...controlledBy(informer, owner), ...orphans];
}

/** Owners of a namespace whose selector takes an object that nobody controls. */
export function selectingOwners<T extends KubeObject>(
  owners: Informer<T>,
  object: KubeObject,
  selectorOf: (owner: T) => LabelSelector | undefined,
): readonly T[] {
  if (controllerOf(object) !== undefined || object.metadata.labels === undefined) return [];
  return owners
    .list(object.metadata.namespace ?? '')
    .filter((owner) => matchesSelector(selectorOf(owner), object.metadata.labels));
}
