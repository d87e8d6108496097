import type { Namespace } from '../../generated/api/core/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import { planFinalizers } from './deletion.ts';
import type { StoreHooks } from './store.ts';

const definition = { defaultPropagation: 'Background' } as const;

/**
 * A namespace goes in two steps: first it is marked, and it stays until `spec.finalizers` are empty too.
 * Source: `pkg/registry/core/namespace/storage`.
 */
export const namespaceHooks: StoreHooks = {
  planDeletion(object, wish, nowMs) {
    const namespace = object as unknown as Namespace;
    if (object.metadata.deletionTimestamp === undefined) {
      const finalizers = planFinalizers(object.metadata, definition, wish);
      const { finalizers: _before, ...meta } = object.metadata;
      const next = {
        ...object,
        metadata: {
          ...meta,
          deletionTimestamp: toTimeText(nowMs),
          ...(finalizers.length === 0 ? {} : { finalizers: [...finalizers] }),
        },
        status: { ...namespace.status, phase: 'Terminating' },
      } as AnyObject;
      return { step: 'mark', next, thenDelete: false };
    }
    return hasFinalizers(namespace) ? { step: 'pending' } : undefined;
  },
  mayVanish: (object) => !hasFinalizers(object as unknown as Namespace),
};

function hasFinalizers(namespace: Namespace): boolean {
  return (namespace.spec?.finalizers ?? []).length > 0;
}
