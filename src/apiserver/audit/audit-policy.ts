import {
  type FieldError,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  toAggregateText,
} from '../../machinery/errors/field-error.ts';
import { dns1123SubdomainFaults } from '../../machinery/values/names.ts';

/** How much of a request is told; each level tells what the one before does, and more. */
export const AUDIT_LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export const AUDIT_STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;

export type AuditLevel = (typeof AUDIT_LEVELS)[number];
export type AuditStage = (typeof AUDIT_STAGES)[number];

/** Source: apiserver `pkg/apis/audit/v1/types.go`. */
export interface AuditPolicyRule {
  readonly level?: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly AuditedResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditedResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface AuditPolicy {
  readonly rules: readonly AuditPolicyRule[];
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

interface GivenPolicy {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly rules?: readonly AuditPolicyRule[] | null;
  readonly omitStages?: readonly AuditStage[] | null;
  readonly omitManagedFields?: boolean;
}

/**
 * Reads a policy. Fields that nobody knows are passed over, as upstream does.
 * @param given - The parsed document.
 * @throws Error in upstream's words.
 *
 * Source: apiserver `pkg/audit/policy/reader.go`, `pkg/apis/audit/validation`.
 */
export function parseAuditPolicy(given: unknown): AuditPolicy {
  const { apiVersion, kind, rules, omitStages, omitManagedFields = false } = (given ?? {}) as GivenPolicy;
  if (typeof kind !== 'string' || kind === '') throw new Error("failed decoding: Object 'Kind' is missing");
  if (typeof apiVersion !== 'string' || apiVersion === '')
    throw new Error("failed decoding: Object 'apiVersion' is missing");
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy')
    throw new Error(`failed decoding: no kind "${kind}" is registered for version "${apiVersion}"`);
  const policy: AuditPolicy = { rules: rules ?? [], omitStages: omitStages ?? [], omitManagedFields };
  const faults = [
    ...validateStages(policy.omitStages, 'omitStages'),
    ...policy.rules.flatMap((rule, index) => validateRule(rule, `rules[${index}]`)),
  ];
  if (faults.length > 0) throw new Error(toAggregateText(faults));
  if (policy.rules.length === 0) throw new Error('loaded illegal policy with 0 rules');
  return policy;
}

function validateRule(rule: AuditPolicyRule, path: string): FieldError[] {
  const { level, nonResourceURLs = [], resources = [], namespaces = [], omitStages = [] } = rule;
  const faults: FieldError[] = [];
  if (!level) faults.push(fieldRequired(`${path}.level`));
  else if (!AUDIT_LEVELS.includes(level)) faults.push(fieldNotSupported(`${path}.level`, level, AUDIT_LEVELS));
  faults.push(
    ...validateUrls(nonResourceURLs, `${path}.nonResourceURLs`),
    ...validateResources(resources, `${path}.resources`),
    ...validateStages(omitStages, `${path}.omitStages`),
  );
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    const why = 'rules cannot apply to both regular resources and non-resource URLs';
    faults.push(fieldInvalid(`${path}.nonResourceURLs`, nonResourceURLs, why));
  }
  return faults;
}

function validateUrls(urls: readonly string[], path: string): FieldError[] {
  return urls.flatMap((url, index) => {
    if (url === '*') return [];
    const faults: FieldError[] = [];
    const at = `${path}[${index}]`;
    if (!url.startsWith('/'))
      faults.push(fieldInvalid(at, url, "non-resource URL rules must begin with a '/' character"));
    if (url.slice(0, -1).includes('*'))
      faults.push(fieldInvalid(at, url, "non-resource URL wildcards '*' must be the final character of the rule"));
    return faults;
  });
}

/** The paths lack the index, as upstream's do. */
function validateResources(all: readonly AuditedResources[], path: string): FieldError[] {
  return all.flatMap(({ group = '', resources = [], resourceNames = [] }) => {
    const faults: FieldError[] = [];
    const misnamed = group === '' || group === '*' ? [] : dns1123SubdomainFaults(group);
    if (misnamed.length > 0) faults.push(fieldInvalid(`${path}.group`, group, misnamed.join(',')));
    if (resourceNames.length > 0 && resources.length === 0) {
      const why = 'using resourceNames requires at least one resource';
      faults.push(fieldInvalid(`${path}.resourceNames`, resourceNames, why));
    }
    return faults;
  });
}

function validateStages(stages: readonly string[], path: string): FieldError[] {
  return stages.flatMap((stage, index) =>
    (AUDIT_STAGES as readonly string[]).includes(stage)
      ? []
      : [fieldInvalid(`${path}[${index}]`, stage, `allowed stages are ${AUDIT_STAGES.join(',')}`)],
  );
}
