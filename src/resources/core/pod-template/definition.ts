import type { PodTemplate } from '../../../generated/api/core/v1.ts';
import { podtemplates } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isSame } from '../../checks/same.ts';
import { labelsText } from '../../columns.ts';
import { defineResource } from '../../define.ts';
import { defaultPodTemplate } from '../pod-spec/defaults.ts';
import { checkPodTemplate, dropDisabledTemplateFields } from '../pod-spec/pod-template.ts';
import { templateWarnings } from '../pod-spec/warnings.ts';

function validate({ template }: PodTemplate): readonly FieldError[] {
  const faults = new FieldFaults();
  checkPodTemplate(template, 'template', faults);
  return faults.list;
}

/** Source: pkg/registry/core/podtemplate/strategy.go. */
export const podTemplateResource = defineResource(podtemplates, {
  generation: 'spec',
  cells: {
    Containers: ({ template }) => (template?.spec?.containers ?? []).map(({ name }) => name).join(','),
    Images: ({ template }) => (template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(','),
    'Pod Labels': ({ template }) => labelsText(template?.metadata?.labels),
  },
  strategy: {
    applyDefaults(object) {
      object.template ??= {};
      defaultPodTemplate(object.template);
    },
    prepareForCreate: ({ template }) => dropDisabledTemplateFields(template),
    prepareForUpdate: ({ template }) => dropDisabledTemplateFields(template),
    validateCreate: validate,
    validateUpdate: validate,
    warningsOnCreate: ({ template }) => templateWarnings(template, 'template'),
    warningsOnUpdate: (next, previous) =>
      isSame(next.template, previous.template) ? [] : templateWarnings(next.template, 'template'),
  },
});
