import type { Service, ServiceSpec } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isHeadless, needsHealthPort } from './kinds-of-service.ts';
import { checkLoadBalancerClass, checkService } from './validation.ts';

/** Source: core/validation (ValidateServiceUpdate). */
export function validateServiceUpdate(next: Service, previous: Service): readonly FieldError[] {
  const faults = new FieldFaults();
  checkAddressChange(next.spec, previous.spec, faults);
  checkFamilyChange(next.spec, previous.spec, faults);
  const wereBoth = next.spec.type === 'LoadBalancer' && previous.spec.type === 'LoadBalancer';
  if (wereBoth && next.spec.loadBalancerClass !== previous.spec.loadBalancerClass)
    faults.invalid('spec.loadBalancerClass', next.spec.loadBalancerClass ?? null, 'may not change once set');
  checkLoadBalancerClass(next.spec, faults);
  const needHealth = needsHealthPort(next.spec) && needsHealthPort(previous.spec);
  if (needHealth && (next.spec.healthCheckNodePort ?? 0) !== (previous.spec.healthCheckNodePort ?? 0))
    faults.forbidden('spec.healthCheckNodePort', 'field is immutable');
  checkService(next, previous, faults);
  return faults.list;
}

const KEPT = 'may not change once set';

/** The first address stays; a second one may come, and go with the policy that asked for it. */
function checkAddressChange(next: ServiceSpec, previous: ServiceSpec, faults: FieldFaults): void {
  if (next.type === 'ExternalName' || previous.type === 'ExternalName') return;
  if (isHeadless(next) && isHeadless(previous)) return;
  const { clusterIPs: before = [] } = previous;
  const { clusterIPs: after = [] } = next;
  const refuse = (index: number, why: string): void => faults.invalid(`spec.clusterIPs[${index}]`, after, why);
  if (before.length === after.length) {
    before.forEach((ip, index) => {
      if (ip !== after[index]) refuse(index, KEPT);
    });
  } else if (before.length > after.length) {
    if (after.length === 0) refuse(0, 'primary clusterIP can not be unset');
    else if (after[0] !== before[0]) refuse(0, KEPT);
    if (after.length === 1) checkRelease(next, 'clusterIP', faults);
  } else if (before.length > 0 && after[0] !== before[0]) refuse(0, KEPT);
}

function checkFamilyChange(next: ServiceSpec, previous: ServiceSpec, faults: FieldFaults): void {
  if (next.type === 'ExternalName' || previous.type === 'ExternalName') return;
  if (isHeadless(next) || isHeadless(previous)) return;
  const { ipFamilies: before = [] } = previous;
  const { ipFamilies: after = [] } = next;
  const refuse = (shown: readonly string[], why: string): void => faults.invalid('spec.ipFamilies[0]', shown, why);
  if (before.length === after.length) {
    before.forEach((family, index) => {
      if (family !== after[index]) refuse(after, KEPT);
    });
  } else if (before.length > after.length) {
    if ((next.clusterIPs ?? []).length === 0) refuse(after, 'primary ipFamily can not be unset');
    if (after.length > 0 && after[0] !== before[0]) refuse(next.clusterIPs ?? [], KEPT);
    if (after.length === 1) checkRelease(next, 'ipFamily', faults);
  } else if (before.length > 0 && after[0] !== before[0]) refuse(next.clusterIPs ?? [], KEPT);
}

function checkRelease({ ipFamilyPolicy }: ServiceSpec, what: string, faults: FieldFaults): void {
  if (ipFamilyPolicy === 'SingleStack') return;
  const why = `must be set to 'SingleStack' when releasing the secondary ${what}`;
  faults.invalid('spec.ipFamilyPolicy', ipFamilyPolicy ?? null, why);
}
