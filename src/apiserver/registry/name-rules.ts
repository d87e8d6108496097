import { type FieldError, fieldInvalid } from '../../machinery/errors/field-error.ts';
import type { ObjectMeta } from '../../machinery/object/object.ts';
import { dns1123LabelFaults, dns1123SubdomainFaults, pathSegmentFaults } from '../../machinery/values/names.ts';

/** Says what is wrong with a name, in upstream's words; `asPrefix` for `generateName`, which may end in a dash. */
export type NameRule = (name: string, options: { asPrefix: boolean }) => readonly string[];

/** What a URL path can carry in one piece. */
export const validatePathSegment: NameRule = (name, { asPrefix }) =>
  asPrefix && (name === '.' || name === '..') ? [] : pathSegmentFaults(name);

/** Of these the rules of the kind itself say more. */
const anyName: NameRule = () => [];

/** Something follows a prefix, so a dash at its end counts as a letter. Source: apimachinery `api/validation/generic.go`. */
function asNameRule(faultsOf: (text: string) => readonly string[]): NameRule {
  return (name, { asPrefix }) => {
    const masked = asPrefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
    return faultsOf(masked);
  };
}

export const nameIsDnsLabel = asNameRule(dns1123LabelFaults);
export const nameIsDnsSubdomain = asNameRule(dns1123SubdomainFaults);

/** Kinds whose names follow another rule than DNS subdomain, by `group/resource`. Source: `pkg/apis/<group>/validation`. */
const rules: Readonly<Record<string, NameRule>> = {
  '/namespaces': nameIsDnsLabel,
  '/services': nameIsDnsLabel,
  '/events': validatePathSegment,
  'apps/statefulsets': nameIsDnsLabel,
  'certificates.k8s.io/certificatesigningrequests': anyName,
  'rbac.authorization.k8s.io/roles': validatePathSegment,
  'rbac.authorization.k8s.io/rolebindings': validatePathSegment,
  'rbac.authorization.k8s.io/clusterroles': validatePathSegment,
  'rbac.authorization.k8s.io/clusterrolebindings': validatePathSegment,
  'policy/poddisruptionbudgets': validatePathSegment,
  'apiregistration.k8s.io/apiservices': validatePathSegment,
  'networking.k8s.io/ipaddresses': anyName,
};

/** Newer rules judge the finished name only. Source: apimachinery (ValidateObjectMetaWithOpts). */
const ignoresPrefix = new Set(['/replicationcontrollers', 'resource.k8s.io/deviceclasses']);

/** What is left to say of names where nothing else is wrong. Source: apiserver `registry/rest/create.go` (BeforeCreate). */
export function validatePathName({ name, generateName }: ObjectMeta): readonly FieldError[] {
  const faults = (field: string, text: string | undefined, asPrefix: boolean): readonly FieldError[] =>
    text ? validatePathSegment(text, { asPrefix }).map((why) => fieldInvalid(field, text, why)) : [];
  return [...faults('metadata.generateName', generateName, true), ...faults('metadata.name', name, false)];
}

/** How names of a resource are checked. */
export function nameRuleOf(resource: { readonly group: string; readonly plural: string }): NameRule {
  const key = `${resource.group}/${resource.plural}`;
  const rule = rules[key] ?? nameIsDnsSubdomain;
  if (!ignoresPrefix.has(key)) return rule;
  // They count in bytes.
  return (name, options) =>
    options.asPrefix ? [] : rule(name, options).map((why) => why.replace(/(no more than \d+) characters/, '$1 bytes'));
}

/** Built-in kinds whose finalizers follow the general rules only. Source: their calls of ValidateObjectMeta. */
const takesAnyFinalizer = new Set([
  'node.k8s.io/runtimeclasses',
  'coordination.k8s.io/leases',
  'policy/poddisruptionbudgets',
  '/events',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'admissionregistration.k8s.io/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings',
  'apiregistration.k8s.io/apiservices',
  'apiextensions.k8s.io/customresourcedefinitions',
]);

/** Whether a resource's finalizers must have a prefix, unless they are Kubernetes' own. */
export function asksForKubeFinalizers(resource: {
  readonly group: string;
  readonly plural: string;
  readonly origin: 'builtin' | 'custom';
}): boolean {
  return resource.origin === 'builtin' && !takesAnyFinalizer.has(`${resource.group}/${resource.plural}`);
}
