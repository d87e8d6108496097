import type { PersistentVolumeClaim } from '../../../generated/api/core/v1.ts';
import { storageclasses } from '../../../generated/resource-types.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionPlugin, concerns } from '../admission.ts';
import { newestDefault } from './newest-default.ts';

const annotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];

/** Gives claims without a class the default one. Source: `plugin/pkg/admission/storage/storageclass/setdefault`. */
export function defaultStorageClass(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    operations: ['CREATE'],
    async mutate(attempt) {
      if (!concerns(attempt, '', 'persistentvolumeclaims')) return;
      const claim = attempt.object as unknown as PersistentVolumeClaim;
      const legacy = claim.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'];
      if (claim.spec === undefined || legacy !== undefined || claim.spec.storageClassName !== undefined) return;
      const found = newestDefault(await deps.reader.list(storageclasses), annotations);
      if (found !== undefined) claim.spec.storageClassName = found;
    },
  };
}
