import { dns1123LabelFaults, dns1123SubdomainFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from './field-faults.ts';

const httpPath = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;
const PATH_TEXT = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";

/** `example.com/path`. Source: apimachinery `util/validation` (IsDomainPrefixedPath). */
export function checkDomainPrefixedPath(path: string, value: string, faults: FieldFaults): void {
  if (value === '') return faults.required(path);
  const slash = value.indexOf('/');
  const host = value.slice(0, Math.max(slash, 0));
  const rest = value.slice(slash + 1);
  if (host === '' || rest === '')
    return faults.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
  faults.invalidFor(path, host, dns1123SubdomainFaults(host));
  if (!httpPath.test(rest)) faults.invalid(path, rest, PATH_TEXT);
}

/** A name of at least two parts, with or without the last dot. Source: IsFullyQualifiedDomainName. */
export function checkFullDomainName(path: string, value: string, faults: FieldFaults): void {
  if (value === '') return faults.required(path);
  const name = value.replace(/\.$/, '');
  const problems = dns1123SubdomainFaults(name);
  if (problems.length > 0) return faults.invalid(path, name, problems.join(','));
  const labels = name.split('.');
  if (labels.length < 2)
    return faults.invalid(path, name, 'should be a domain with at least two segments separated by dots');
  for (const label of labels) {
    const wrong = dns1123LabelFaults(label);
    if (wrong.length > 0) return faults.invalid(path, label, wrong.join(','));
  }
}

/** A group name of at least three parts. Source: IsFullyQualifiedName. */
export function checkFullName(path: string, value: string, faults: FieldFaults): void {
  if (value === '') return faults.required(path);
  const problems = dns1123SubdomainFaults(value);
  if (problems.length > 0) faults.invalid(path, value, problems.join(','));
  else if (value.split('.').length < 3)
    faults.invalid(path, value, 'should be a domain with at least three segments separated by dots');
}

const wildcard = /^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const WILDCARD_TEXT =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** A host that may start with `*.`. Source: IsWildcardDNS1123Subdomain. */
export function checkHost(path: string, value: string, faults: FieldFaults): void {
  if (!value.includes('*')) return faults.invalidFor(path, value, dns1123SubdomainFaults(value));
  if (value.length > 253) faults.invalid(path, value, 'must be no more than 253 characters');
  if (!wildcard.test(value)) faults.invalid(path, value, WILDCARD_TEXT);
}
