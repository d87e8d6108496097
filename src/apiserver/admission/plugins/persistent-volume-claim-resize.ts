import type { PersistentVolumeClaim } from '../../../generated/api/core/v1.ts';
import { storageclasses } from '../../../generated/resource-types.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionPlugin, concerns, refused } from '../admission.ts';

/** Claims grow only where their class allows it. Source: `plugin/pkg/admission/storage/persistentvolume/resize`. */
export function persistentVolumeClaimResize(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    operations: ['UPDATE'],
    async validate(attempt) {
      if (!concerns(attempt, '', 'persistentvolumeclaims')) return;
      const next = attempt.object as unknown as PersistentVolumeClaim;
      const previous = attempt.previous as unknown as PersistentVolumeClaim;
      if (!isGrown(next, previous)) return;
      if (previous.status?.phase !== 'Bound')
        throw refused(attempt, 'Only bound persistent volume claims can be expanded');
      const name = classOf(next);
      const found =
        name !== '' && name === classOf(previous) ? await deps.reader.get(storageclasses, { name }) : undefined;
      if (found?.allowVolumeExpansion === true) return;
      const why =
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
      throw refused(attempt, why);
    },
  };
}

function isGrown(next: PersistentVolumeClaim, previous: PersistentVolumeClaim): boolean {
  const after = next.spec?.resources?.requests?.['storage'];
  const before = previous.spec?.resources?.requests?.['storage'];
  if (after === undefined || after === before) return false;
  return before === undefined || parseQuantity(String(after)).compare(parseQuantity(String(before))) > 0;
}

function classOf(claim: PersistentVolumeClaim): string {
  const legacy = claim.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'];
  return legacy ?? claim.spec?.storageClassName ?? '';
}
