import type { AdmissionPlugin } from '../admission.ts';

const finalizers: Readonly<Record<string, string>> = {
  '/persistentvolumes': 'kubernetes.io/pv-protection',
  '/persistentvolumeclaims': 'kubernetes.io/pvc-protection',
  'storage.k8s.io/volumeattributesclasses': 'kubernetes.io/vac-protection',
};

/** Keeps volumes and claims from vanishing while in use. Source: `plugin/pkg/admission/storage/storageobjectinuseprotection`. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  operations: ['CREATE'],
  mutate(attempt) {
    const finalizer = finalizers[`${attempt.group}/${attempt.resource}`];
    if (finalizer === undefined || attempt.subresource !== '' || attempt.object === undefined) return;
    const { metadata } = attempt.object;
    if (metadata.finalizers?.includes(finalizer)) return;
    metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};
