import type { Pod } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkPodAnnotations, checkProfilesMatch } from '../pod-spec/annotations.ts';
import { checkImageText } from '../pod-spec/containers.ts';
import { checkPodSpec } from '../pod-spec/pod-spec.ts';

/** Source: core/validation (ValidatePodCreate). */
export function validatePod(pod: Pod): readonly FieldError[] {
  const faults = new FieldFaults();
  checkMetadataAndSpec(pod, faults);
  const { spec, metadata } = pod;
  if ((spec.ephemeralContainers ?? []).length > 0)
    faults.forbidden('spec.ephemeralContainers', 'cannot be set on create');
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0)
    faults.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
  checkProfilesMatch(metadata.annotations, spec, 'spec', faults);
  return faults.list;
}

/** What holds for a pod at all times. Source: core/validation (validatePodMetadataAndSpec). */
export function checkMetadataAndSpec({ metadata, spec }: Pod, faults: FieldFaults): void {
  checkPodAnnotations(metadata.annotations, spec, 'metadata.annotations', faults);
  checkPodSpec(spec, 'spec', faults, { isPod: true, podName: metadata.name, annotations: metadata.annotations });
  if (!spec.serviceAccountName) {
    spec.volumes?.forEach(({ projected }, index) => {
      projected?.sources?.forEach(({ serviceAccountToken }, position) => {
        if (!serviceAccountToken) return;
        const at = `spec.volumes[${index}].projected.sources[${position}].serviceAccountToken`;
        faults.forbidden(at, 'must not be specified when serviceAccountName is not set');
      });
    });
  }
  for (const kind of ['containers', 'initContainers'] as const)
    spec[kind]?.forEach((container, index) => {
      checkImageText(container, `spec.${kind}[${index}]`, faults);
    });
}
