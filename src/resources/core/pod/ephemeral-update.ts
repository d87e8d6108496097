import type { Pod } from '../../../generated/api/core/v1.ts';
import { type FieldError, fieldForbidden } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { goDifference } from '../../checks/go-view.ts';
import { isSameStruct } from '../../checks/same.ts';
import { MIRROR } from '../pod-spec/annotations.ts';
import { checkAnnotationUpdates } from './update-validation.ts';
import { checkMetadataAndSpec } from './validation.ts';

const PATH = 'spec.ephemeralContainers';

/** An update of ephemeral containers: new ones may come, known ones stay. Source: core/validation (ValidatePodEphemeralContainersUpdate). */
export function validateEphemeralContainersUpdate(next: Pod, previous: Pod): readonly FieldError[] {
  const faults = new FieldFaults();
  checkMetadataAndSpec(next, faults);
  checkAnnotationUpdates(next, previous, faults);
  if (previous.metadata.annotations?.[MIRROR] !== undefined)
    return [fieldForbidden('', 'static pods do not support ephemeral containers')];
  const byName = new Map((next.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  for (const before of previous.spec.ephemeralContainers ?? []) {
    const after = byName.get(before.name);
    const head = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    if (after === undefined) faults.forbidden(PATH, `${head} removed\n`);
    else if (!isSameStruct(after, before, 'core/v1.EphemeralContainer'))
      faults.forbidden(PATH, `${head} changed\n${goDifference(before, after, 'core/v1.EphemeralContainer')}`);
  }
  return faults.list;
}
