import type { ResourceClaimTemplate } from '../../../generated/api/resource/v1.ts';
import { resourceclaimtemplates } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkTemplateMeta } from '../../checks/object-meta.ts';
import { isSameStruct } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';
import { checkDeviceClaim, defaultDeviceClaim } from '../device-claim.ts';
import { selectorExpressions } from '../selector-expressions.ts';

/** Source of all: resource/validation (ValidateResourceClaimTemplate, …Update). */

const SPEC_TYPE = 'resource/v1.ResourceClaimTemplateSpec';

function check({ spec }: ResourceClaimTemplate, faults: FieldFaults): void {
  checkTemplateMeta(spec.metadata, 'spec.metadata', faults);
  checkDeviceClaim(spec.spec?.devices, 'spec.spec.devices', faults);
}

function validate(template: ResourceClaimTemplate): readonly FieldError[] {
  const faults = new FieldFaults();
  check(template, faults);
  return faults.list;
}

function validateUpdate(next: ResourceClaimTemplate, previous: ResourceClaimTemplate): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  if (!isSameStruct(next.spec, previous.spec, SPEC_TYPE)) faults.invalid('spec', shownSpec(next), 'field is immutable');
  return faults.list;
}

/** Upstream's type has its metadata among its other fields, under their JSON names. */
function shownSpec({ spec }: ResourceClaimTemplate): object {
  const given = Object.entries(spec.metadata ?? {}).filter(([, value]) => value !== undefined && value !== '');
  return { ...Object.fromEntries(given), Spec: toGoView(spec.spec ?? {}, 'resource/v1.ResourceClaimSpec') };
}

export const resourceClaimTemplateResource = defineResource(resourceclaimtemplates, {
  strategy: {
    load: () => selectorExpressions.load(),
    applyDefaults({ spec }) {
      defaultDeviceClaim(spec.spec?.devices);
    },
    validateCreate: validate,
    validateUpdate,
  },
});
