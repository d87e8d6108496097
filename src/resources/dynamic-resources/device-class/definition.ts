import type { DeviceClass } from '../../../generated/api/resource/v1.ts';
import { deviceclasses } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isExtendedResource } from '../../checks/resource-names.ts';
import { isSame } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';
import { checkList } from '../collections.ts';
import { checkConfiguration, checkSelectors } from '../configuration.ts';
import { MAX_CONFIGS } from '../device-claim.ts';
import { selectorExpressions } from '../selector-expressions.ts';

/** Source: resource/validation (ValidateDeviceClass, …Update). */
function validate({ spec }: DeviceClass, previous?: DeviceClass): readonly FieldError[] {
  const faults = new FieldFaults();
  checkSelectors(spec.selectors, 'spec.selectors', faults);
  const isStored = previous !== undefined && isSame(spec.config, previous.spec.config);
  checkList(spec.config, MAX_CONFIGS, 'spec.config', faults, (config, at) =>
    checkConfiguration(config, at, faults, isStored),
  );
  const { extendedResourceName: name } = spec;
  if (name !== undefined && !isExtendedResource(name))
    faults.invalid('spec.extendedResourceName', name, 'must be a valid extended resource name');
  return faults.list;
}

export const deviceClassResource = defineResource(deviceclasses, {
  generation: 'spec',
  strategy: {
    load: () => selectorExpressions.load(),
    validateCreate: (object) => validate(object),
    validateUpdate: validate,
  },
});
