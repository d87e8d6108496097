import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { StoreHooks } from '../registry/store.ts';
import { withCrdCondition } from './conditions.ts';

/** Holds a definition until its objects are gone. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

/** A definition that is deleted waits for its objects. Source: apiextensions-apiserver `registry/customresourcedefinition/etcd.go`. */
export const crdHooks: StoreHooks = {
  planDeletion(object, _wish, nowMs) {
    if (object.metadata.deletionTimestamp !== undefined) return undefined;
    const crd = object as unknown as CustomResourceDefinition;
    const finalizers = object.metadata.finalizers ?? [];
    const conditions = withCrdCondition(
      crd.status?.conditions ?? [],
      {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      },
      nowMs,
    );
    const next = {
      ...object,
      metadata: {
        ...object.metadata,
        deletionTimestamp: toTimeText(nowMs),
        finalizers: finalizers.includes(CLEANUP_FINALIZER) ? [...finalizers] : [...finalizers, CLEANUP_FINALIZER],
      },
      status: { ...crd.status, conditions },
    } as AnyObject;
    return { step: 'mark', next, thenDelete: false };
  },
};
