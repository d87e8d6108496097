import type { APIService } from '../../../generated/api/apiregistration/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { dns1035LabelFaults, dns1123SubdomainFaults, pathSegmentFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkServicePort } from '../../checks/webhook-clients.ts';

/** Source of all: kube-aggregator `pkg/apis/apiregistration/validation/validation.go`. */

const MAX_GROUP_PRIORITY = 20_000;
const MAX_VERSION_PRIORITY = 1000;
const STATUSES = ['True', 'False', 'Unknown'];

export function validateApiService({ metadata, spec }: APIService): readonly FieldError[] {
  const faults = new FieldFaults();
  const { group = '', version = '', groupPriorityMinimum: minimum = 0, versionPriority: priority = 0 } = spec;
  const wanted = `${version}.${group}`;
  const { name = '' } = metadata;
  if (name !== '' && pathSegmentFaults(name).length === 0 && name !== wanted)
    faults.invalid('metadata.name', name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`);
  if (group !== '') faults.invalidFor('spec.group', group, dns1123SubdomainFaults(group));
  else if (version !== 'v1')
    faults.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  faults.invalidFor('spec.version', version, dns1035LabelFaults(version));
  if (minimum <= 0 || minimum > MAX_GROUP_PRIORITY)
    faults.invalid('spec.groupPriorityMinimum', minimum, `must be positive and less than ${MAX_GROUP_PRIORITY}`);
  if (priority <= 0 || priority > MAX_VERSION_PRIORITY)
    faults.invalid('spec.versionPriority', priority, `must be positive and less than ${MAX_VERSION_PRIORITY}`);
  checkService(spec, faults);
  return faults.list;
}

function checkService(spec: APIService['spec'], faults: FieldFaults): void {
  const { service, caBundle, insecureSkipTLSVerify: isInsecure } = spec;
  const bundleBytes = Buffer.from(caBundle ?? '', 'base64').length;
  if (service === undefined) {
    if (bundleBytes > 0)
      faults.invalid('spec.caBundle', `${bundleBytes} bytes`, 'local APIServices may not have a caBundle');
    if (isInsecure)
      faults.invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify');
    return;
  }
  if (!service.namespace) faults.required('spec.service.namespace');
  if (!service.name) faults.required('spec.service.name');
  checkServicePort('spec.service.port', service.port ?? 0, faults);
  if (isInsecure && bundleBytes > 0)
    faults.invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present');
}

export function validateApiServiceStatus({ status }: APIService): readonly FieldError[] {
  const faults = new FieldFaults();
  status?.conditions?.forEach((condition, index) => {
    faults.optionalOneOf(`status.conditions[${index}].status`, condition.status ?? '', STATUSES);
  });
  return faults.list;
}
