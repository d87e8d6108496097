import type { MutatingWebhook, ValidatingWebhook } from '../../generated/api/admissionregistration/v1.ts';
import type { FieldError } from '../../machinery/errors/field-error.ts';
import { dns1035LabelFaults } from '../../machinery/values/names.ts';
import { checkFullName } from '../checks/domain-paths.ts';
import { FieldFaults } from '../checks/field-faults.ts';
import { checkLabelSelector } from '../checks/labels.ts';
import { isSame } from '../checks/same.ts';
import { checkWebhookService, checkWebhookUrl } from '../checks/webhook-clients.ts';
import { checkMatchConditions } from './expressions.ts';
import { checkRule, defaultRules, FAILURE_POLICIES, MATCH_POLICIES } from './rules.ts';

/** Source of all: admissionregistration/validation (validate…WebhookConfiguration) and v1/defaults.go. */

type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;
type Webhooks = readonly Webhook[] | undefined;

/** What the stored object broke already and may go on to break. */
interface Tolerance {
  readonly matchConditions: boolean;
  readonly sideEffects: boolean;
  readonly reviewVersions: boolean;
  readonly repeatedNames: boolean;
  readonly selectorValues: boolean;
}

const NONE: Tolerance = {
  matchConditions: false,
  sideEffects: false,
  reviewVersions: false,
  repeatedNames: false,
  selectorValues: false,
};
const SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];
const HARMLESS = ['None', 'NoneOnDryRun'];
const REVIEW_VERSIONS = ['v1', 'v1beta1'];
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];

export function defaultWebhooks(webhooks: Webhooks): void {
  for (const webhook of webhooks ?? []) {
    webhook.failurePolicy ??= 'Fail';
    webhook.matchPolicy ??= 'Equivalent';
    webhook.namespaceSelector ??= {};
    webhook.objectSelector ??= {};
    webhook.timeoutSeconds ??= 10;
    defaultRules(webhook.rules);
    if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
  }
}

export function validateWebhooks(webhooks: Webhooks): readonly FieldError[] {
  return check(webhooks, NONE);
}

export function validateWebhooksUpdate(next: Webhooks, previous: Webhooks): readonly FieldError[] {
  return check(next, toleranceOf(next ?? [], previous ?? []));
}

function toleranceOf(next: readonly Webhook[], previous: readonly Webhook[]): Tolerance {
  const hasOddSelector = (webhook: Webhook): boolean => {
    const faults = new FieldFaults();
    checkLabelSelector(webhook.namespaceSelector, '', faults);
    checkLabelSelector(webhook.objectSelector, '', faults);
    return faults.count > 0;
  };
  return {
    matchConditions:
      next.length === previous.length &&
      next.every(({ matchConditions }, index) => isSame(matchConditions, previous[index]?.matchConditions)),
    sideEffects: previous.some(({ sideEffects }) => !HARMLESS.includes(sideEffects ?? '')),
    reviewVersions: previous.some(
      ({ admissionReviewVersions: versions }) => (versions ?? []).length > 0 && !hasKnownVersion(versions),
    ),
    repeatedNames: new Set(previous.map(({ name }) => name ?? '')).size < previous.length,
    selectorValues: previous.some(hasOddSelector),
  };
}

const hasKnownVersion = (versions: readonly string[]): boolean =>
  versions.some((version) => REVIEW_VERSIONS.includes(version));

function check(webhooks: Webhooks, tolerance: Tolerance): readonly FieldError[] {
  const faults = new FieldFaults();
  const names = new Set<string>();
  webhooks?.forEach((webhook, index) => {
    const path = `webhooks[${index}]`;
    checkWebhook(webhook, tolerance, path, faults);
    checkReviewVersions(webhook.admissionReviewVersions ?? [], tolerance, `${path}.admissionReviewVersions`, faults);
    if (tolerance.repeatedNames || !webhook.name) return;
    if (names.has(webhook.name)) faults.duplicate(`${path}.name`, webhook.name);
    names.add(webhook.name);
  });
  return faults.list;
}

function checkWebhook(webhook: Webhook, tolerance: Tolerance, path: string, faults: FieldFaults): void {
  checkFullName(`${path}.name`, webhook.name ?? '', faults);
  webhook.rules?.forEach((rule, index) => {
    checkRule(rule, `${path}.rules[${index}]`, faults);
  });
  faults.optionalOneOf(`${path}.failurePolicy`, webhook.failurePolicy, FAILURE_POLICIES);
  faults.optionalOneOf(`${path}.matchPolicy`, webhook.matchPolicy, MATCH_POLICIES);
  const allowed = tolerance.sideEffects ? SIDE_EFFECTS : HARMLESS;
  if (webhook.sideEffects === undefined)
    faults.required(`${path}.sideEffects`, `must specify one of ${allowed.join(', ')}`);
  faults.optionalOneOf(`${path}.sideEffects`, webhook.sideEffects, allowed);
  const { timeoutSeconds: timeout } = webhook;
  if (timeout !== undefined && (timeout > 30 || timeout < 1))
    faults.invalid(`${path}.timeoutSeconds`, timeout, 'the timeout value must be between 1 and 30 seconds');
  const options = { toleratesInvalidValues: tolerance.selectorValues };
  checkLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`, faults, options);
  checkLabelSelector(webhook.objectSelector, `${path}.objectSelector`, faults, options);
  faults.optionalOneOf(`${path}.reinvocationPolicy`, webhook.reinvocationPolicy, REINVOCATION_POLICIES);
  checkClient(webhook, `${path}.clientConfig`, faults);
  if (!tolerance.matchConditions)
    checkMatchConditions(webhook.matchConditions, { hasParams: false }, `${path}.matchConditions`, faults);
}

function checkClient({ clientConfig }: Webhook, path: string, faults: FieldFaults): void {
  const { url, service } = clientConfig ?? {};
  if ((url === undefined) === (service === undefined))
    faults.required(path, 'exactly one of url or service is required');
  else if (url !== undefined) checkWebhookUrl(`${path}.url`, url, faults);
  else if (service !== undefined) checkWebhookService(`${path}.service`, service, faults);
}

function checkReviewVersions(
  versions: readonly string[],
  tolerance: Tolerance,
  path: string,
  faults: FieldFaults,
): void {
  if (versions.length === 0) return faults.required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`);
  versions.forEach((version, index) => {
    if (versions.indexOf(version) < index) faults.invalid(`${path}[${index}]`, version, 'duplicate version');
    else faults.invalidFor(`${path}[${index}]`, version, dns1035LabelFaults(version));
  });
  if (!tolerance.reviewVersions && !hasKnownVersion(versions))
    faults.invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`);
}
