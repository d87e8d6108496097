import type { ServiceCIDR } from '../../../generated/api/networking/v1.ts';
import { servicecidrs } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkCanonicalCidr, parseRange } from '../../checks/ip-addresses.ts';
import { keepMetadata } from '../../checks/status-metadata.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';

const PATH = 'spec.cidrs';

/** Source: networking/validation (validateServiceCIDRSpec). */
function check({ spec }: ServiceCIDR, faults: FieldFaults): void {
  const { cidrs = [] } = spec;
  if (cidrs.length === 0) return faults.required(PATH, 'at least one CIDR required');
  if (cidrs.length > 2)
    return faults.invalid(PATH, toGoView(spec, 'networking/v1.ServiceCIDRSpec'), 'may only hold up to 2 values');
  cidrs.forEach((cidr, index) => {
    checkCanonicalCidr(`${PATH}[${index}]`, cidr, faults);
  });
  const [first, second] = cidrs.map((cidr) => parseRange(cidr)?.family);
  if (first !== undefined && first === second) {
    const why = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    faults.invalid(PATH, cidrs, why);
  }
}

function validate(object: ServiceCIDR): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, faults);
  return faults.list;
}

/** Source: networking/validation (ValidateServiceCIDRUpdate): a second range may come, nothing else changes. */
function validateUpdate(next: ServiceCIDR, previous: ServiceCIDR): readonly FieldError[] {
  const faults = new FieldFaults();
  const { cidrs: after = [] } = next.spec;
  const { cidrs: before = [] } = previous.spec;
  const keep = (index: number): void => {
    if (after[index] !== before[index]) faults.invalid(`${PATH}[${index}]`, after[index], 'field is immutable');
  };
  if (before.length === after.length) {
    for (let index = 0; index < before.length; index++) keep(index);
  } else if (before.length === 1 && after.length === 2) {
    keep(0);
    check(next, faults);
  } else faults.invalid(PATH, after, 'field is immutable');
  return faults.list;
}

export const serviceCidrResource = defineResource(servicecidrs, {
  cells: { CIDRs: ({ spec }) => (spec.cidrs ?? []).join(',') },
  strategy: specAndStatus<ServiceCIDR>({
    validateCreate: validate,
    validateUpdate,
    prepareForStatusUpdate: keepMetadata,
  }),
});
