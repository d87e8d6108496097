import type { ServiceReference } from '../../generated/api/admissionregistration/v1.ts';
import { dns1123SubdomainFaults, portNumberFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from './field-faults.ts';
import { parseGoUrl } from './go-url.ts';

/** Source of all: apiserver `pkg/util/webhook/validation.go`. */

const FORM = '; desired format: https://host[/path]';

export function checkWebhookUrl(path: string, text: string, faults: FieldFaults): void {
  const url = parseGoUrl(text);
  if (typeof url === 'string') return faults.required(path, `url must be a valid URL: ${url}${FORM}`);
  if (url.scheme !== 'https') faults.invalid(path, url.scheme, `'https' is the only allowed URL scheme${FORM}`);
  if (url.host === '') faults.invalid(path, url.host, `host must be specified${FORM}`);
  if (url.user !== undefined) faults.invalid(path, url.user, 'user information is not permitted in the URL');
  if (url.fragment !== '') faults.invalid(path, url.fragment, 'fragments are not permitted in the URL');
  if (url.rawQuery !== '') faults.invalid(path, url.rawQuery, 'query parameters are not permitted in the URL');
}

/** @param service - Its two names swapped: upstream hands them over in the wrong order, and faults name the other one. */
export function checkWebhookService(path: string, service: ServiceReference, faults: FieldFaults): void {
  if (!service.namespace) faults.required(`${path}.name`);
  if (!service.name) faults.required(`${path}.namespace`);
  checkServicePort(`${path}.port`, service.port ?? 0, faults);
  checkServicePath(`${path}.path`, service.path ?? '', faults);
}

export function checkServicePort(path: string, port: number, faults: FieldFaults): void {
  const problems = portNumberFaults(port);
  if (problems.length > 0) faults.invalid(path, port, `port is not valid: ${problems.join(', ')}`);
}

function checkServicePath(path: string, value: string, faults: FieldFaults): void {
  if (value === '' || value === '/') return;
  if (value === '//') return faults.invalid(path, value, 'segment[0] may not be empty');
  if (!value.startsWith('/')) faults.invalid(path, value, "must start with a '/'");
  // Upstream drops the first character whatever it is.
  const steps = value.slice(1).replace(/\/$/, '').split('/');
  steps.forEach((step, index) => {
    if (step === '') faults.invalid(path, value, `segment[${index}] may not be empty`);
    else
      for (const problem of dns1123SubdomainFaults(step)) faults.invalid(path, value, `segment[${index}]: ${problem}`);
  });
}
