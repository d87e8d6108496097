import type { KubeObject } from '../../machinery/object/object.ts';

const KEPT = ['labels', 'annotations', 'finalizers', 'ownerReferences', 'generation', 'deletionTimestamp'] as const;

/** Undoes what an update of status changed in metadata, for kinds that allow none. Source: ResetObjectMetaForStatus. */
export function keepMetadata(next: KubeObject, previous: KubeObject): void {
  const { metadata } = next;
  const before = previous.metadata;
  for (const field of KEPT) {
    if (before[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: before[field] });
  }
}
