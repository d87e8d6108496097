import {
  dns1035LabelFaults,
  dns1123LabelFaults,
  dns1123SubdomainFaults,
  pathSegmentFaults,
} from '../../machinery/values/names.ts';

/** Says what is wrong with a name, in upstream's words; `asPrefix` for `generateName`, which may end in a dash. */
export type NameRule = (name: string, options: { asPrefix: boolean }) => readonly string[];

/** What a URL path can carry in one piece. */
export const validatePathSegment: NameRule = (name, { asPrefix }) =>
  asPrefix && (name === '.' || name === '..') ? [] : pathSegmentFaults(name);

/** Something follows a prefix, so a dash at its end counts as a letter. Source: apimachinery `api/validation/generic.go`. */
function asNameRule(faultsOf: (text: string) => readonly string[]): NameRule {
  return (name, { asPrefix }) => {
    const masked = asPrefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
    return faultsOf(masked);
  };
}

export const nameIsDnsLabel = asNameRule(dns1123LabelFaults);
export const nameIsDnsSubdomain = asNameRule(dns1123SubdomainFaults);
export const nameIsDns1035Label = asNameRule(dns1035LabelFaults);

/** Kinds whose names follow another rule than DNS subdomain, by `group/resource`. Source: `pkg/apis/<group>/validation`. */
const rules: Readonly<Record<string, NameRule>> = {
  '/namespaces': nameIsDnsLabel,
  '/services': nameIsDns1035Label,
  '/events': validatePathSegment,
  'events.k8s.io/events': validatePathSegment,
  'apps/statefulsets': nameIsDnsLabel,
  'certificates.k8s.io/certificatesigningrequests': validatePathSegment,
  'rbac.authorization.k8s.io/roles': validatePathSegment,
  'rbac.authorization.k8s.io/rolebindings': validatePathSegment,
  'rbac.authorization.k8s.io/clusterroles': validatePathSegment,
  'rbac.authorization.k8s.io/clusterrolebindings': validatePathSegment,
  'policy/poddisruptionbudgets': validatePathSegment,
  'apiregistration.k8s.io/apiservices': validatePathSegment,
  'networking.k8s.io/ipaddresses': validatePathSegment,
};

/** How names of a resource are checked. */
export function nameRuleOf(resource: { readonly group: string; readonly plural: string }): NameRule {
  return rules[`${resource.group}/${resource.plural}`] ?? nameIsDnsSubdomain;
}
