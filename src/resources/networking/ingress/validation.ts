import type { TypedLocalObjectReference } from '../../../generated/api/core/v1.ts';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule } from '../../../generated/api/networking/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import {
  dns1123LabelFaults,
  dns1123SubdomainFaults,
  pathSegmentFaults,
  portNameFaults,
  portNumberFaults,
} from '../../../machinery/values/names.ts';
import { checkHost } from '../../checks/domain-paths.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkIp, familyOf } from '../../checks/ip-addresses.ts';
import { objectNameFaults } from '../../checks/names.ts';

export const CLASS = 'kubernetes.io/ingress.class';

/** What the stored object broke already and may go on to break. */
interface Tolerance {
  readonly secretNames: boolean;
  readonly wildcardRules: boolean;
}

/** Source of all: networking/validation (ValidateIngressCreate, …Update, …StatusUpdate). */

export function validateIngress(ingress: Ingress): readonly FieldError[] {
  const faults = new FieldFaults();
  check(ingress, { secretNames: false, wildcardRules: false }, faults);
  const annotation = ingress.metadata.annotations?.[CLASS];
  const { ingressClassName: name } = ingress.spec;
  if (annotation !== undefined && name !== undefined && annotation !== name)
    faults.invalid(`annotations.${CLASS}`, annotation, 'must match `ingressClassName` when both are specified');
  return faults.list;
}

export function validateIngressUpdate(next: Ingress, previous: Ingress): readonly FieldError[] {
  const faults = new FieldFaults();
  const secretNames = (previous.spec.tls ?? []).some(
    ({ secretName }) => secretName && objectNameFaults(secretName).length > 0,
  );
  const wildcardRules = (previous.spec.rules ?? []).some((rule) => {
    const old = new FieldFaults();
    checkRuleValue(rule, '', old);
    return rule.host?.includes('*') && old.count > 0;
  });
  check(next, { secretNames, wildcardRules }, faults);
  return faults.list;
}

function check({ spec }: Ingress, tolerance: Tolerance, faults: FieldFaults): void {
  const { rules = [], defaultBackend, tls, ingressClassName } = spec;
  if (rules.length === 0 && !defaultBackend)
    faults.invalid(
      'spec',
      rules.length === 0 ? (spec.rules ?? null) : rules,
      'either `defaultBackend` or `rules` must be specified',
    );
  if (defaultBackend) checkBackend(defaultBackend, 'spec.defaultBackend', faults);
  rules.forEach((rule, index) => {
    const at = `spec.rules[${index}]`;
    if (rule.host) {
      if (familyOf(rule.host) !== undefined)
        faults.invalid(`${at}.host`, rule.host, 'must be a DNS name, not an IP address');
      checkHost(`${at}.host`, rule.host, faults);
    }
    if (!rule.host?.includes('*') || !tolerance.wildcardRules) checkRuleValue(rule, at, faults);
  });
  tls?.forEach(({ hosts, secretName }, index) => {
    const at = `spec.tls[${index}]`;
    hosts?.forEach((host, position) => {
      checkHost(`${at}.hosts[${position}]`, host, faults);
    });
    if (secretName && !tolerance.secretNames)
      faults.invalidFor(`${at}.secretName`, secretName, objectNameFaults(secretName));
  });
  if (ingressClassName !== undefined)
    faults.invalidFor('spec.ingressClassName', ingressClassName, objectNameFaults(ingressClassName));
}

function checkRuleValue({ http }: IngressRule, path: string, faults: FieldFaults): void {
  if (!http) return;
  const { paths = [] } = http;
  if (paths.length === 0) faults.required(`${path}.http.paths`);
  paths.forEach((one, index) => {
    checkPath(one, `${path}.http.paths[${index}]`, faults);
  });
}

const SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const SUFFIXES = ['/..', '/.'];

function checkPath({ path: value = '', pathType, backend }: HTTPIngressPath, path: string, faults: FieldFaults): void {
  const at = `${path}.path`;
  if (pathType === undefined) return faults.required(`${path}.pathType`, 'pathType must be specified');
  switch (pathType) {
    case 'Exact':
    case 'Prefix':
      if (!value.startsWith('/')) faults.invalid(at, value, 'must be an absolute path');
      for (const text of SEQUENCES) if (value.includes(text)) faults.invalid(at, value, `must not contain '${text}'`);
      for (const text of SUFFIXES) if (value.endsWith(text)) faults.invalid(at, value, `cannot end with '${text}'`);
      break;
    case 'ImplementationSpecific':
      if (value !== '' && !value.startsWith('/')) faults.invalid(at, value, 'must be an absolute path');
      break;
    default:
      faults.notSupported(`${path}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
  }
  checkBackend(backend ?? {}, `${path}.backend`, faults);
}

function checkBackend({ resource, service }: IngressBackend, path: string, faults: FieldFaults): void {
  if (resource && service) return faults.invalid(path, '', 'cannot set both resource and service backends');
  if (resource) return checkReference(resource, `${path}.resource`, faults);
  if (!service) return faults.invalid(path, '', 'resource or service backend is required');
  if (!service.name) faults.required(`${path}.service.name`);
  else faults.invalidFor(`${path}.service.name`, service.name, dns1123LabelFaults(service.name));
  const { name, number } = service.port ?? {};
  if (name && number) faults.invalid(path, '', 'cannot set both port name & port number');
  else if (name) faults.invalidFor(`${path}.service.port.name`, name, portNameFaults(name));
  else if (number) faults.invalidFor(`${path}.service.port.number`, number, portNumberFaults(number));
  else faults.required(path, 'port name or number is required');
}

/** Another object of the same namespace, by group, kind and name. */
export function checkReference(
  { apiGroup, kind, name }: TypedLocalObjectReference,
  path: string,
  faults: FieldFaults,
): void {
  if (apiGroup !== undefined) faults.invalidFor(`${path}.apiGroup`, apiGroup, dns1123SubdomainFaults(apiGroup));
  if (!kind) faults.required(`${path}.kind`);
  else faults.invalidFor(`${path}.kind`, kind, pathSegmentFaults(kind));
  if (!name) faults.required(`${path}.name`);
  else faults.invalidFor(`${path}.name`, name, pathSegmentFaults(name));
}

export function validateIngressStatus({ status }: Ingress, previous: Ingress): readonly FieldError[] {
  const faults = new FieldFaults();
  const known = (previous.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');
  status?.loadBalancer?.ingress?.forEach(({ ip, hostname }, index) => {
    const at = `status.loadBalancer.ingress[${index}]`;
    if (ip) checkIp(`${at}.ip`, ip, faults, known);
    if (!hostname) return;
    faults.invalidFor(`${at}.hostname`, hostname, dns1123SubdomainFaults(hostname));
    if (familyOf(hostname) !== undefined)
      faults.invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address');
  });
  return faults.list;
}
