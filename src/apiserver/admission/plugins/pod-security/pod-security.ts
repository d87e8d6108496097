import type { Container, Namespace, Pod, PodSpec, PodTemplateSpec } from '../../../../generated/api/core/v1.ts';
import { namespaces, pods } from '../../../../generated/resource-types.ts';
import { toAggregateText } from '../../../../machinery/errors/field-error.ts';
import { forbidden, internalError, invalid } from '../../../../machinery/errors/status-error.ts';
import type { Clock } from '../../../../std/clock.ts';
import type { PodSecurityMetrics } from '../../../metrics/pod-security-metrics.ts';
import type { ObjectReader } from '../../../object-reader.ts';
import type { AdmissionAttempt, AdmissionPlugin } from '../../admission.ts';
import { openSettings, type PodSecuritySettings } from './configuration.ts';
import type { CheckedPod, Finding } from './finding.ts';
import {
  compareLevels,
  hasPolicyLabels,
  isSameLevelVersion,
  type LevelVersion,
  levelVersionText,
  type Policy,
  readPolicy,
} from './policy.ts';

export interface PodSecurityDeps {
  readonly reader: ObjectReader;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Default: upstream's. */
  readonly settings?: PodSecuritySettings | undefined;
  /** Default: nobody counts. */
  readonly metrics?: PodSecurityMetrics | undefined;
}

const ANNOTATION_PREFIX = 'pod-security.kubernetes.io/';

/**
 * Keeps pods to the level that the labels of their namespace ask for. Templates of workloads are judged for warnings
 * alone. Namespaces without such labels cost one look at the labels.
 * Source: pod-security-admission `admission/admission.go`, `plugin/pkg/admission/security/podsecurity`.
 */
export function podSecurity(deps: PodSecurityDeps): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    operations: ['CREATE', 'UPDATE'],
    async validate(attempt) {
      const path = `${attempt.group}/${attempt.resource}`;
      if (path === '/namespaces') await judgeNamespace(attempt, deps);
      else if (path === '/pods') await judgePod(attempt, deps);
      else {
        const templateOf = templates[path];
        if (templateOf !== undefined) await judgeTemplate(attempt, deps, templateOf);
      }
    },
  };
}

type TemplateOf = (object: unknown) => PodTemplateSpec | undefined;

const inSpec: TemplateOf = (object) => (object as { spec?: { template?: PodTemplateSpec } }).spec?.template;

const templates: Readonly<Record<string, TemplateOf | undefined>> = {
  '/replicationcontrollers': inSpec,
  '/podtemplates': (object) => (object as { template?: PodTemplateSpec }).template,
  'apps/replicasets': inSpec,
  'apps/deployments': inSpec,
  'apps/statefulsets': inSpec,
  'apps/daemonsets': inSpec,
  'batch/jobs': inSpec,
  'batch/cronjobs': (object) => inSpec((object as { spec?: { jobTemplate?: unknown } }).spec?.jobTemplate ?? {}),
};

async function judgeNamespace(attempt: AdmissionAttempt, deps: PodSecurityDeps): Promise<void> {
  if (attempt.subresource !== '') return;
  const { labels } = (attempt.object as unknown as Namespace).metadata ?? {};
  const before = attempt.previous?.metadata.labels;
  if (!hasPolicyLabels(labels) && !hasPolicyLabels(before)) return;
  const { defaults, exemptions } = deps.settings ?? openSettings;
  const { policy, faults } = readPolicy(labels, defaults);
  const warnOfExemption = (): void => {
    const warning = exemptionWarning(attempt.name, policy, defaults, labels);
    if (warning !== undefined) attempt.warn(warning);
  };
  const refuse = (): Error => invalid({ group: '', kind: 'Namespace' }, attempt.name, faults);
  if (attempt.operation === 'CREATE') {
    if (faults.length > 0) throw refuse();
    if (exemptions.namespaces.has(attempt.name)) warnOfExemption();
    return;
  }
  const old = readPolicy(before, defaults);
  // Labels that were wrong before may stay so.
  if (faults.length > 0 && faults.join() !== old.faults.join()) throw refuse();
  const { enforce } = policy;
  if (isSameLevelVersion(enforce, old.policy.enforce) || enforce.level === 'privileged') return;
  const isRelaxed =
    enforce.minor === old.policy.enforce.minor && compareLevels(enforce.level, old.policy.enforce.level) <= 0;
  if (isRelaxed) return;
  if (exemptions.namespaces.has(attempt.name)) return warnOfExemption();
  const { warningsAboutPods } = await import('./existing-pods.ts');
  const all = await deps.reader.list(pods, attempt.name);
  const there = all.filter(({ spec }) => !exemptions.runtimeClasses.has(spec?.runtimeClassName ?? ''));
  for (const warning of warningsAboutPods(attempt.name, there, enforce, deps.clock)) attempt.warn(warning);
}

/** Tells who labels an exempt namespace that the labels have no effect; undefined where they ask for nothing new. */
function exemptionWarning(
  name: string,
  policy: Policy,
  defaults: Policy,
  labels: Readonly<Record<string, string>> | undefined,
): string | undefined {
  const modes = ['enforce', 'audit', 'warn'] as const;
  if (modes.every((mode) => isOpen(policy[mode]))) return undefined;
  if (modes.every((mode) => isSameLevelVersion(policy[mode], defaults[mode]))) return undefined;
  const isAskedFor = (mode: keyof Policy): boolean =>
    labels?.[`${ANNOTATION_PREFIX}${mode}`] !== undefined ||
    labels?.[`${ANNOTATION_PREFIX}${mode}-version`] !== undefined;
  const told = modes
    .filter((mode) => !isOpen(policy[mode]) && isAskedFor(mode))
    .map((mode) => `${mode}=${levelVersionText(policy[mode])}`);
  return `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${told.join(', ')}) will be ignored`;
}

/** Whether nobody judges what is asked, for its namespace's or its user's sake; counted, and told to the audit log. */
function isExempt(attempt: AdmissionAttempt, deps: PodSecurityDeps): boolean {
  const { exemptions } = deps.settings ?? openSettings;
  if (exemptions.namespaces.has(attempt.namespace)) return noteExemption(attempt, 'namespace', deps);
  return exemptions.usernames.has(attempt.user.name) && noteExemption(attempt, 'user', deps);
}

function isExemptClass(attempt: AdmissionAttempt, spec: PodSpec | undefined, deps: PodSecurityDeps): boolean {
  const { runtimeClasses } = (deps.settings ?? openSettings).exemptions;
  return runtimeClasses.has(spec?.runtimeClassName ?? '') && noteExemption(attempt, 'runtimeClass', deps);
}

function noteExemption(attempt: AdmissionAttempt, reason: string, { metrics }: PodSecurityDeps): true {
  metrics?.exempt(attempt);
  attempt.annotate(`${ANNOTATION_PREFIX}exempt`, reason);
  return true;
}

/** Subresources that do not carry a pod's spec. */
const ignoredSubresources = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']);

async function judgePod(attempt: AdmissionAttempt, deps: PodSecurityDeps): Promise<void> {
  if (ignoredSubresources.has(attempt.subresource)) return;
  if (isExempt(attempt, deps)) return;
  const { policy, faults } = readPolicy(await labelsOf(attempt, deps), deps.settings?.defaults);
  if (faults.length === 0 && isOpen(policy.enforce) && isOpen(policy.audit) && isOpen(policy.warn)) {
    attempt.annotate(`${ANNOTATION_PREFIX}enforce-policy`, 'privileged:latest');
    deps.metrics?.judged(attempt, { mode: 'enforce', decision: 'allow', ...toLabels(policy.enforce) });
    return;
  }
  const pod = attempt.object as unknown as Pod;
  if (attempt.operation === 'UPDATE' && !changesImages(pod, attempt.previous as unknown as Pod)) return;
  if (isExemptClass(attempt, pod.spec, deps)) return;
  const checked = { annotations: pod.metadata?.annotations ?? {}, spec: pod.spec ?? { containers: [] } };
  if (faults.length > 0) noteFaults(attempt, toAggregateText(faults), deps);
  await judge(attempt, policy, checked, { enforce: true, metrics: deps.metrics });
}

async function judgeTemplate(attempt: AdmissionAttempt, deps: PodSecurityDeps, templateOf: TemplateOf): Promise<void> {
  if (attempt.subresource !== '') return;
  if (isExempt(attempt, deps)) return;
  const { policy, faults } = readPolicy(await labelsOf(attempt, deps), deps.settings?.defaults);
  if (faults.length === 0 && isOpen(policy.warn) && isOpen(policy.audit)) return;
  const template = templateOf(attempt.object);
  if (template === undefined || isExemptClass(attempt, template.spec, deps)) return;
  if (faults.length > 0) noteFaults(attempt, toAggregateText(faults), deps);
  const checked = { annotations: template.metadata?.annotations ?? {}, spec: template.spec ?? { containers: [] } };
  await judge(attempt, policy, checked, { enforce: false, metrics: deps.metrics });
}

/** Privileged is the same in all versions. */
function toLabels(lv: LevelVersion): { readonly level: string; readonly version: string } {
  const [level = '', version = ''] = levelVersionText(lv).split(':');
  return { level, version: isOpen(lv) ? 'latest' : version };
}

function isOpen({ level }: LevelVersion): boolean {
  return level === 'privileged';
}

function noteFaults(attempt: AdmissionAttempt, text: string, { metrics }: PodSecurityDeps): void {
  metrics?.failed(attempt, { isFatal: false });
  attempt.annotate(`${ANNOTATION_PREFIX}error`, `Failed to parse policy: ${text}`);
}

async function labelsOf(attempt: AdmissionAttempt, deps: PodSecurityDeps): Promise<Record<string, string> | undefined> {
  const namespace = await deps.reader.get(namespaces, { name: attempt.namespace });
  if (namespace !== undefined) return namespace.metadata.labels;
  throw internalError(new Error(`failed to lookup namespace ${JSON.stringify(attempt.namespace)}`));
}

async function judge(
  attempt: AdmissionAttempt,
  policy: Policy,
  pod: CheckedPod,
  { enforce, metrics }: { readonly enforce: boolean } & Pick<PodSecurityDeps, 'metrics'>,
): Promise<void> {
  const { detailsText, evaluatePod } = await import('./evaluate.ts');
  const known = new Map<string, readonly Finding[]>();
  const evaluate = (lv: LevelVersion): readonly Finding[] => {
    const text = levelVersionText(lv);
    const findings = known.get(text) ?? evaluatePod(lv, pod);
    known.set(text, findings);
    return findings;
  };
  const describe = (lv: LevelVersion, findings: readonly Finding[]): string =>
    `violate PodSecurity ${JSON.stringify(levelVersionText(lv))}: ${detailsText(findings)}`;
  const judged = (mode: keyof Policy, findings: readonly Finding[]): void =>
    metrics?.judged(attempt, { mode, decision: findings.length > 0 ? 'deny' : 'allow', ...toLabels(policy[mode]) });
  const audited = evaluate(policy.audit);
  if (enforce) attempt.annotate(`${ANNOTATION_PREFIX}enforce-policy`, levelVersionText(policy.enforce));
  if (audited.length > 0) {
    judged('audit', audited);
    attempt.annotate(`${ANNOTATION_PREFIX}audit-violations`, `would ${describe(policy.audit, audited)}`);
  }
  const enforced = enforce ? evaluate(policy.enforce) : [];
  if (enforce) judged('enforce', enforced);
  if (enforced.length > 0) {
    const why = describe(policy.enforce, enforced).replace('violate', 'violates');
    throw forbidden({ group: attempt.group, resource: attempt.resource }, attempt.name, why);
  }
  const warned = evaluate(policy.warn);
  if (warned.length === 0) return;
  judged('warn', warned);
  attempt.warn(`would ${describe(policy.warn, warned)}`);
}

/** Of what updates may change, only images matter. */
function changesImages(next: Pod, previous: Pod): boolean {
  const fields = ['containers', 'initContainers'] as const;
  for (const field of fields) {
    const [after, before] = [next.spec?.[field] ?? [], previous.spec?.[field] ?? []];
    if (after.length !== before.length) return true;
    if (after.some((container: Container, index) => container.image !== before[index]?.image)) return true;
  }
  const before = new Map((previous.spec?.ephemeralContainers ?? []).map(({ name, image }) => [name, image]));
  return (next.spec?.ephemeralContainers ?? []).some(
    ({ name, image }) => !before.has(name) || before.get(name) !== image,
  );
}
