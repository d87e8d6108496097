import type { IPAddress } from '../../../generated/api/networking/v1.ts';
import { ipaddresses } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { dns1123SubdomainFaults, pathSegmentFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkCanonicalIp } from '../../checks/ip-addresses.ts';
import { isSame } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';

/** Source: networking/validation (ValidateIPAddress). */
function check({ metadata, spec }: IPAddress, faults: FieldFaults): void {
  if (metadata.name) checkCanonicalIp('metadata.name', metadata.name, faults);
  const { parentRef } = spec;
  const path = 'spec.parentRef';
  if (!parentRef) return faults.required(path);
  const { group, resource, name, namespace } = parentRef;
  if (group) faults.invalidFor(`${path}.group`, group, dns1123SubdomainFaults(group));
  if (!resource) faults.required(`${path}.resource`);
  else faults.invalidFor(`${path}.resource`, resource, pathSegmentFaults(resource));
  if (!name) faults.required(`${path}.name`);
  else faults.invalidFor(`${path}.name`, name, pathSegmentFaults(name));
  if (namespace) faults.invalidFor(`${path}.namespace`, namespace, pathSegmentFaults(namespace));
}

function validate(object: IPAddress): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, faults);
  return faults.list;
}

function validateUpdate(next: IPAddress, previous: IPAddress): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  const { parentRef } = next.spec;
  if (!isSame(parentRef, previous.spec.parentRef)) {
    const shown = parentRef ? toGoView(parentRef, 'networking/v1.ParentReference') : null;
    faults.invalid('spec.parentRef', shown, 'field is immutable');
  }
  return faults.list;
}

/** Source: printIPAddress. */
function parentText({ spec: { parentRef } }: IPAddress): string {
  if (!parentRef) return '<none>';
  const { group, resource, namespace, name } = parentRef;
  const type = (group ? `${resource}.${group}` : `${resource}`).toLowerCase();
  return `${type}${namespace ? `/${namespace}` : ''}/${name}`;
}

export const ipAddressResource = defineResource(ipaddresses, {
  cells: { ParentRef: parentText },
  strategy: { validateCreate: validate, validateUpdate },
});
