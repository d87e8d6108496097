import type { RuntimeClass } from '../../../generated/api/node/v1.ts';
import { runtimeclasses } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkLabels } from '../../checks/labels.ts';
import { checkDnsLabel } from '../../checks/names.ts';
import { checkContainerResources } from '../../core/pod-spec/resources.ts';
import { checkTolerations } from '../../core/pod-spec/tolerations.ts';
import { deprecatedLabels } from '../../core/pod-spec/warnings.ts';
import { defineResource } from '../../define.ts';

/** Source: node/validation (ValidateRuntimeClass). */
function validate({ handler, overhead, scheduling }: RuntimeClass): readonly FieldError[] {
  const faults = new FieldFaults();
  if (!handler) faults.required('handler');
  else checkDnsLabel('handler', handler, faults);
  if (overhead) checkContainerResources({ limits: overhead.podFixed }, new Set(), 'overhead', faults);
  if (!scheduling) return faults.list;
  checkLabels(scheduling.nodeSelector, 'scheduling.nodeSelector', faults);
  checkTolerations(scheduling.tolerations, 'scheduling.tolerations', faults);
  const seen = new Set<string>();
  scheduling.tolerations?.forEach((toleration, index) => {
    const { key, operator, value, effect } = toleration;
    const text = JSON.stringify([key, operator, value, effect]);
    if (seen.has(text))
      faults.duplicate(`scheduling.tolerations[${index}]`, toGoView(toleration, 'core/v1.Toleration'));
    seen.add(text);
  });
  return faults.list;
}

/** Source: node/validation (ValidateRuntimeClassUpdate). */
function validateUpdate(next: RuntimeClass, previous: RuntimeClass): readonly FieldError[] {
  const faults = new FieldFaults();
  faults.add(...validate(next));
  if (next.handler !== previous.handler) faults.invalid('handler', next.handler ?? '', 'field is immutable');
  return faults.list;
}

/** Source: pkg/api/node/util.go (GetWarningsForRuntimeClass). */
function labelWarnings({ scheduling }: RuntimeClass): string[] {
  return Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
    const text = deprecatedLabels[key];
    return text === undefined ? [] : [`scheduling.nodeSelector: ${text}`];
  });
}

export const runtimeClassResource = defineResource(runtimeclasses, {
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  cells: { Handler: ({ handler }) => handler ?? '' },
  strategy: {
    validateCreate: validate,
    validateUpdate,
    warningsOnCreate: labelWarnings,
    warningsOnUpdate: labelWarnings,
  },
});
