import type { Job, JobSpec } from '../../../generated/api/batch/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { dns1123LabelFaults, dns1123SubdomainFaults } from '../../../machinery/values/names.ts';
import { matchesLabels, parseSelectorObject } from '../../../machinery/values/selector-object.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toSelectorView } from '../../checks/go-view.ts';
import { checkLabelSelector, isUsableSelector } from '../../checks/labels.ts';
import { checkPodTemplate } from '../../core/pod-spec/pod-template.ts';
import { checkFailurePolicy, checkSuccessPolicy } from './policies.ts';

/** Source of all: batch/validation (ValidateJob, ValidateJobSpec, validateJobSpec). */

export function validateJob(job: Job): readonly FieldError[] {
  const faults = new FieldFaults();
  checkJob(job, { needsPrefixedLabels: true }, faults);
  return faults.list;
}

export function checkJob(job: Job, options: { readonly needsPrefixedLabels: boolean }, faults: FieldFaults): void {
  const { metadata, spec } = job;
  checkGeneratedSelector(job, options, faults);
  checkFullSpec(spec, 'spec', faults);
  const { completionMode, completions = 0 } = spec;
  if (completionMode !== 'Indexed' || completions <= 0) return;
  const longest = `${metadata.name ?? ''}-${completions - 1}`;
  if (dns1123LabelFaults(longest).length > 0) {
    const why = `will not able to create pod with invalid DNS label: ${longest}`;
    faults.invalid('metadata.name', metadata.name, why);
  }
}

function checkGeneratedSelector(
  { metadata, spec }: Job,
  options: { readonly needsPrefixedLabels: boolean },
  faults: FieldFaults,
): void {
  if (spec.manualSelector || !spec.selector) return;
  const { uid = '', name = '' } = metadata;
  if (uid === '') faults.required('metadata.uid');
  const wanted: Record<string, string> = { 'controller-uid': uid, 'job-name': name };
  if (options.needsPrefixedLabels) {
    wanted['batch.kubernetes.io/controller-uid'] = uid;
    wanted['batch.kubernetes.io/job-name'] = name;
  }
  const labels = spec.template.metadata?.labels;
  for (const key in wanted) {
    const at = `spec.template.metadata.labels[${key}]`;
    const why = `must be '${wanted[key]}'`;
    if (labels?.[key] === undefined) faults.required(at, why);
    else if (labels[key] !== wanted[key]) faults.invalid(at, labels, why);
  }
  if (isUsableSelector(spec.selector) && !matchesLabels(parseSelectorObject(spec.selector), wanted))
    faults.invalid('spec.selector', toSelectorView(spec.selector), '`selector` not auto-generated');
}

export function checkFullSpec(spec: JobSpec, path: string, faults: FieldFaults): void {
  checkJobSpec(spec, path, faults);
  const { selector } = spec;
  if (selector) checkLabelSelector(selector, `${path}.selector`, faults);
  else faults.required(`${path}.selector`);
  const labels = spec.template.metadata?.labels;
  const matches = selector !== undefined && matchesLabels(parseSelectorObject(selector), labels ?? {});
  if ((!selector || isUsableSelector(selector)) && !matches) {
    const why = '`selector` does not match template `labels`';
    faults.invalid(`${path}.template.metadata.labels`, labels ?? null, why);
  }
}

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

/** The parts of a job that cron jobs have too. */
export function checkJobSpec(spec: JobSpec, path: string, faults: FieldFaults): void {
  for (const field of COUNTS) faults.nonNegative(`${path}.${field}`, spec[field]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    faults.required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  if (spec.managedBy !== undefined) checkManagedBy(spec.managedBy, `${path}.managedBy`, faults);
  checkCompletionMode(spec, path, faults);
  if (spec.podFailurePolicy) checkFailurePolicy(spec, `${path}.podFailurePolicy`, faults);
  if (spec.successPolicy) checkSuccessPolicy(spec, `${path}.successPolicy`, faults);
  const { podReplacementPolicy: replacement } = spec;
  const allowed = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  faults.optionalOneOf(`${path}.podReplacementPolicy`, replacement, allowed);
  checkPodTemplate(spec.template, `${path}.template`, faults);
  const restart = spec.template.spec?.restartPolicy;
  const at = `${path}.template.spec.restartPolicy`;
  if (!restart || restart === 'Always') faults.required(at, 'valid values: "OnFailure", "Never"');
  else if (restart !== 'OnFailure' && restart !== 'Never') faults.notSupported(at, restart, ['OnFailure', 'Never']);
  else if (spec.podFailurePolicy && restart !== 'Never')
    faults.invalid(at, restart, 'only "Never" is supported when podFailurePolicy is specified');
}

const httpPath = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** Source: apimachinery `util/validation` (IsDomainPrefixedPath). */
function checkManagedBy(value: string, path: string, faults: FieldFaults): void {
  const slash = value.indexOf('/');
  const host = value.slice(0, slash);
  const rest = value.slice(slash + 1);
  if (value === '') faults.required(path);
  else if (slash <= 0 || rest === '')
    faults.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
  else {
    faults.invalidFor(path, host, dns1123SubdomainFaults(host));
    if (!httpPath.test(rest)) {
      const why = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
      faults.invalid(path, rest, why);
    }
  }
  if (value.length > 63) faults.tooLong(path, 63);
}

const MANY = 100_000;
const MANY_PARALLEL = 10_000;

function checkCompletionMode(spec: JobSpec, path: string, faults: FieldFaults): void {
  const { completionMode: mode, completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  faults.optionalOneOf(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed']);
  if (mode === undefined || mode === 'NonIndexed') {
    const why = 'requires indexed completion mode';
    if (backoffLimitPerIndex !== undefined) faults.invalid(`${path}.backoffLimitPerIndex`, backoffLimitPerIndex, why);
    if (maxFailedIndexes !== undefined) faults.invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, why);
  }
  if (mode !== 'Indexed') return;
  if (completions === undefined) faults.required(`${path}.completions`, 'when completion mode is Indexed');
  if (parallelism !== undefined && parallelism > MANY) {
    const why = `must be less than or equal to ${MANY} when completion mode is Indexed`;
    faults.invalid(`${path}.parallelism`, parallelism, why);
  }
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions)
    faults.invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions');
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MANY)
    faults.invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${MANY}`);
  if (completions === undefined || completions <= MANY || backoffLimitPerIndex === undefined) return;
  const why = `must be less than or equal to ${MANY_PARALLEL} when completions are above ${MANY} and used with backoff limit per index`;
  if (maxFailedIndexes === undefined)
    faults.required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${MANY}`);
  if (parallelism !== undefined && parallelism > MANY_PARALLEL) faults.invalid(`${path}.parallelism`, parallelism, why);
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MANY_PARALLEL)
    faults.invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, why);
}
