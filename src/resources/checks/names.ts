import {
  dns1035LabelFaults,
  dns1123LabelFaults,
  dns1123SubdomainFaults,
  qualifiedNameFaults,
} from '../../machinery/values/names.ts';
import type { FieldFaults } from './field-faults.ts';

/** The name of most objects: a DNS subdomain. */
export const objectNameFaults = dns1123SubdomainFaults;
/** Names of services in fields that still take the old rule. */
export const serviceNameFaults = dns1035LabelFaults;

export function checkDnsLabel(path: string, value: string, faults: FieldFaults): void {
  faults.invalidFor(path, value, dns1123LabelFaults(value));
}

export function checkDnsSubdomain(path: string, value: string, faults: FieldFaults): void {
  faults.invalidFor(path, value, dns1123SubdomainFaults(value));
}

export function checkQualifiedName(path: string, value: string, faults: FieldFaults): void {
  faults.invalidFor(path, value, qualifiedNameFaults(value));
}

const subdomainWithUnderscore = /^_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/;
const UNDERSCORE_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";

/** A DNS subdomain in which underscores may stand, as in search domains. Source: IsDNS1123SubdomainWithUnderscore. */
export function checkSubdomainWithUnderscore(path: string, value: string, faults: FieldFaults): void {
  if (value.length > 253) faults.invalid(path, value, 'must be no more than 253 characters');
  if (!subdomainWithUnderscore.test(value)) faults.invalid(path, value, UNDERSCORE_TEXT);
}

/** The driver of a CSI volume. Source: core/validation (ValidateCSIDriverName). */
export function checkCsiDriverName(path: string, value: string | undefined, faults: FieldFaults): void {
  if (!value) return faults.required(path);
  if (value.length > 63) faults.tooLong(path, 63);
  faults.invalidFor(path, value, dns1123SubdomainFaults(value.toLowerCase()));
}

/** `example.com/name`: who signs certificates. Source: core/validation/names.go (ValidateSignerName). */
export function checkSignerName(path: string, value: string | undefined, faults: FieldFaults): void {
  if (!value) {
    faults.required(path);
    return;
  }
  const [domain = '', name, ...rest] = value.split('/');
  if (name === undefined || rest.length > 0) {
    faults.invalid(path, value, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    return;
  }
  if (domain.length > 253) faults.tooLong(path, 253);
  const labels = domain.split('.');
  const quoted = (label: string, fault: string): string => `validating label ${JSON.stringify(label)}: ${fault}`;
  for (const label of labels) {
    const problems = dns1123LabelFaults(label);
    for (const problem of problems) faults.invalid(path, domain, quoted(label, problem));
    if (problems.length > 0) break;
  }
  if (labels.length < 2)
    faults.invalid(path, domain, 'should be a domain with at least two segments separated by dots');
  for (const label of name.split('.')) {
    const problems = dns1123SubdomainFaults(label);
    for (const problem of problems) faults.invalid(path, name, quoted(label, problem));
    if (problems.length > 0) break;
  }
  if (value.length > 253 + 317 + 1) faults.tooLong(path, 253 + 317 + 1);
}

/** `example.com/key`. Source: apimachinery `util/validation` (IsDomainPrefixedKey). */
export function checkDomainPrefixedKey(path: string, key: string, faults: FieldFaults): void {
  if (key === '') {
    faults.required(path);
    return;
  }
  const problems = qualifiedNameFaults(key);
  faults.invalidFor(path, key, problems);
  if (problems.length === 0 && !key.includes('/'))
    faults.invalid(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")');
}
