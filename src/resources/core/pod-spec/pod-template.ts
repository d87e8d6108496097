import type { PodSpec, PodTemplateSpec } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabels } from '../../checks/labels.ts';
import { checkAnnotations } from '../../checks/object-meta.ts';
import { checkPodAnnotations, checkProfilesMatch } from './annotations.ts';
import { dropDisabledPodFields } from './disabled-fields.ts';
import { checkPodSpec } from './pod-spec.ts';
import { templateOptions } from './pod-spec-options.ts';

const noSpec = { containers: [] } as unknown as PodSpec;

/** The template that workloads make pods of. Source: core/validation (ValidatePodTemplateSpec). */
export function checkPodTemplate(template: PodTemplateSpec | undefined, path: string, faults: FieldFaults): void {
  const { metadata = {}, spec = noSpec } = template ?? {};
  checkLabels(metadata.labels, `${path}.labels`, faults);
  checkAnnotations(metadata.annotations, `${path}.annotations`, faults);
  checkPodAnnotations(metadata.annotations, spec, `${path}.annotations`, faults);
  checkPodSpec(spec, `${path}.spec`, faults, templateOptions);
  checkProfilesMatch(metadata.annotations, spec, `${path}.spec`, faults);
  if ((spec.ephemeralContainers ?? []).length > 0)
    faults.forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template');
}

/** Fields behind feature gates that are off in 1.36. Source: pkg/api/pod/util.go (DropDisabledTemplateFields). */
export function dropDisabledTemplateFields(template: PodTemplateSpec | undefined): void {
  if (template?.spec) dropDisabledPodFields(template.spec);
}
