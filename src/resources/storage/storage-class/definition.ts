import type { StorageClass } from '../../../generated/api/storage/v1.ts';
import { storageclasses } from '../../../generated/resource-types.ts';
import { deprecatedLabels } from '../../core/pod-spec/warnings.ts';
import { defineResource } from '../../define.ts';
import { validateStorageClass, validateStorageClassUpdate } from './validation.ts';

/** Source: pkg/apis/storage/util/helpers.go. */
const DEFAULTS = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];

/** Source: pkg/api/storage/util.go (GetWarningsForStorageClass). */
function warn({ allowedTopologies }: StorageClass): string[] {
  return (allowedTopologies ?? []).flatMap(({ matchLabelExpressions }, index) =>
    (matchLabelExpressions ?? []).flatMap(({ key }, position) => {
      const text = deprecatedLabels[key ?? ''];
      if (text === undefined) return [];
      return [`allowedTopologies[${index}].matchLabelExpressions[${position}].key: ${text}`];
    }),
  );
}

export const storageClassResource = defineResource(storageclasses, {
  cells: {
    Name: ({ metadata }) => {
      const isDefault = DEFAULTS.some((key) => metadata.annotations?.[key] === 'true');
      return `${metadata.name ?? ''}${isDefault ? ' (default)' : ''}`;
    },
    Provisioner: ({ provisioner }) => provisioner ?? '',
    ReclaimPolicy: ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    VolumeBindingMode: ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
    AllowVolumeExpansion: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
  },
  strategy: {
    /** Source: pkg/apis/storage/v1/defaults.go. */
    applyDefaults(object) {
      object.reclaimPolicy ??= 'Delete';
      object.volumeBindingMode ??= 'Immediate';
    },
    validateCreate: validateStorageClass,
    validateUpdate: validateStorageClassUpdate,
    warningsOnCreate: warn,
    warningsOnUpdate: warn,
  },
});
