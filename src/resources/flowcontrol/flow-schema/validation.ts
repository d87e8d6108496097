import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../../generated/api/flowcontrol/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { dns1123LabelFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../../checks/names.ts';
import { isSameStruct } from '../../checks/same.ts';
import { checkStatus } from '../conditions.ts';
import { EXEMPT, mandatoryFlowSchemas } from '../mandatory-objects.ts';

/** Source of all: flowcontrol/validation (ValidateFlowSchema, …StatusUpdate). */

const SPEC_TYPE = 'flowcontrol/v1.FlowSchemaSpec';
const MAX_PRECEDENCE = 10_000;
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const SUBJECTS = ['Group', 'ServiceAccount', 'User'];

export function validateFlowSchema(schema: FlowSchema): readonly FieldError[] {
  const faults = new FieldFaults();
  const { metadata, spec, status } = schema;
  const { name = '' } = metadata;
  checkPrecedence(spec.matchingPrecedence ?? 0, name, faults);
  const { distinguisherMethod: method, priorityLevelConfiguration: level } = spec;
  if (method !== undefined && !['ByNamespace', 'ByUser'].includes(method.type ?? '')) {
    const shown = toGoView(method, 'flowcontrol/v1.FlowDistinguisherMethod');
    faults.notSupported('spec.distinguisherMethod.type', shown, ['ByNamespace', 'ByUser']);
  }
  const path = 'spec.priorityLevelConfiguration.name';
  if (level?.name) checkDnsSubdomain(path, level.name, faults);
  else faults.required(path, 'must reference a priority level');
  spec.rules?.forEach((rule, index) => {
    checkRule(rule, `spec.rules[${index}]`, faults);
  });
  const fixed = Object.hasOwn(mandatoryFlowSchemas, name) ? mandatoryFlowSchemas[name] : undefined;
  if (fixed !== undefined && !isSameStruct(spec, fixed, SPEC_TYPE))
    faults.invalid('spec', toGoView(spec, SPEC_TYPE), `spec of '${name}' must equal the fixed value`);
  checkStatus(status, faults);
  return faults.list;
}

export function validateFlowSchemaStatus({ status }: FlowSchema): readonly FieldError[] {
  const faults = new FieldFaults();
  checkStatus(status, faults);
  return faults.list;
}

function checkPrecedence(precedence: number, name: string, faults: FieldFaults): void {
  const path = 'spec.matchingPrecedence';
  if (precedence <= 0) faults.invalid(path, precedence, 'must be a positive value');
  if (precedence > MAX_PRECEDENCE) faults.invalid(path, precedence, `must not be greater than ${MAX_PRECEDENCE}`);
  if (precedence === 1 && name !== EXEMPT)
    faults.invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
}

function checkRule(rule: PolicyRulesWithSubjects, path: string, faults: FieldFaults): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  subjects.forEach((subject, index) => {
    checkSubject(subject, `${path}.subjects[${index}]`, faults);
  });
  if (subjects.length === 0) faults.required(`${path}.subjects`, 'subjects must contain at least one value');
  if (resourceRules.length === 0 && nonResourceRules.length === 0)
    faults.required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  resourceRules.forEach((inner, index) => {
    checkResourceRule(inner, `${path}.resourceRules[${index}]`, faults);
  });
  nonResourceRules.forEach((inner, index) => {
    checkNonResourceRule(inner, `${path}.nonResourceRules[${index}]`, faults);
  });
}

const fieldsOf = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;
const isSubjectKind = (kind: string): kind is keyof typeof fieldsOf => Object.hasOwn(fieldsOf, kind);

function checkSubject(subject: Subject, path: string, faults: FieldFaults): void {
  const { kind = '' } = subject;
  if (!isSubjectKind(kind)) return faults.notSupported(`${path}.kind`, kind, SUBJECTS);
  const wanted = fieldsOf[kind];
  const at = `${path}.${wanted}`;
  if (subject[wanted] === undefined) faults.required(at, `${wanted} is required when subject kind is '${kind}'`);
  else if (!subject[wanted].name) faults.required(`${at}.name`);
  if (subject.serviceAccount !== undefined && kind === 'ServiceAccount') {
    const { name, namespace } = subject.serviceAccount;
    if (name && name !== '*') checkDnsSubdomain(`${at}.name`, name, faults);
    if (namespace) checkDnsLabel(`${at}.namespace`, namespace, faults);
    else faults.required(`${at}.namespace`, 'must specify namespace for service account');
  }
  for (const [other, field] of Object.entries(fieldsOf))
    if (field !== wanted && subject[field] !== undefined)
      faults.forbidden(`${path}.${field}`, `${field} is forbidden when subject kind is not '${other}'`);
}

function checkVerbs(verbs: readonly string[], path: string, faults: FieldFaults): void {
  if (verbs.length === 0) faults.required(path, 'verbs must contain at least one value');
  else if (verbs.includes('*')) checkAlone(verbs, 'verbs', path, faults);
  else if (!verbs.every((verb) => VERBS.includes(verb))) faults.notSupported(path, verbs, VERBS);
}

function checkAlone(values: readonly string[], what: string, path: string, faults: FieldFaults): void {
  if (values.length > 1 && values.includes('*'))
    faults.invalid(path, values, `if '*' is present, must not specify other ${what}`);
}

function checkResourceRule(rule: ResourcePolicyRule, path: string, faults: FieldFaults): void {
  const { verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope } = rule;
  checkVerbs(verbs, `${path}.verbs`, faults);
  if (apiGroups.length === 0) faults.required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
  checkAlone(apiGroups, 'api groups', `${path}.apiGroups`, faults);
  if (resources.length === 0) faults.required(`${path}.resources`, 'resource rules must supply at least one resource');
  checkAlone(resources, 'resources', `${path}.resources`, faults);
  const at = `${path}.namespaces`;
  if (namespaces.length === 0 && !clusterScope)
    faults.required(at, 'resource rules that are not cluster scoped must supply at least one namespace');
  if (namespaces.includes('*')) return checkAlone(namespaces, 'namespaces', at, faults);
  namespaces.forEach((namespace, index) => {
    for (const problem of dns1123LabelFaults(namespace)) {
      const why = `each member of this list must be '*' or a DNS-1123 label; ${problem}`;
      faults.invalid(`${at}[${index}]`, namespace, why);
    }
  });
}

function checkNonResourceRule(rule: NonResourcePolicyRule, path: string, faults: FieldFaults): void {
  const { verbs = [], nonResourceURLs: urls = [] } = rule;
  checkVerbs(verbs, `${path}.verbs`, faults);
  const at = `${path}.nonResourceURLs`;
  if (urls.length === 0) faults.required(at, 'nonResourceURLs must contain at least one value');
  if (urls.includes('*')) return checkAlone(urls, 'non-resource URLs', at, faults);
  urls.forEach((url, index) => {
    const fault = urlPathFault(url);
    if (fault !== undefined) faults.invalid(`${at}[${index}]`, url, fault);
  });
}

/** Source: ValidateNonResourceURLPath. */
function urlPathFault(path: string): string | undefined {
  if (path === '') return 'must not be empty';
  if (path === '/') return undefined;
  if (!path.startsWith('/')) return 'must start with slash';
  if (path.includes(' ')) return 'must not contain white-space';
  if (path.includes('//')) return 'must not contain double slash';
  const stars = path.split('*').length - 1;
  return stars > 1 || (stars === 1 && !path.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined;
}
