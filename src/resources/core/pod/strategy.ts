import type { Container, Pod, PodAffinityTerm, PodStatus } from '../../../generated/api/core/v1.ts';
import type { LabelSelector } from '../../../generated/api/meta/v1.ts';
import type { Strategy } from '../../../machinery/object/resource-definition.ts';
import { dns1123LabelFaults } from '../../../machinery/values/names.ts';
import { toTimeText } from '../../../machinery/values/time.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { ipWarnings } from '../../checks/ip-addresses.ts';
import { isSame } from '../../checks/same.ts';
import { APP_ARMOR } from '../pod-spec/annotations.ts';
import { appArmorFieldOf } from '../pod-spec/app-armor.ts';
import { defaultPod } from '../pod-spec/defaults.ts';
import { dropDisabledPodFields, dropDisabledStatusFields } from '../pod-spec/disabled-fields.ts';
import { checkAppArmor } from '../pod-spec/security-context.ts';
import { podSpecWarnings } from '../pod-spec/warnings.ts';
import { visitContainers } from '../pod-spec/windows.ts';
import { qosClassOf } from './qos-class.ts';
import { validatePodStatus } from './status-validation.ts';
import { validatePodUpdate } from './update-validation.ts';
import { validatePod } from './validation.ts';

/** Source of all: pkg/registry/core/pod/strategy.go. */
export const podStrategy: Strategy<Pod> = {
  applyDefaults: defaultPod,
  prepareForCreate(pod, { nowMs, warn }) {
    pod.metadata.generation = 1;
    pod.status = { phase: 'Pending', qosClass: (pod.status?.qosClass || qosClassOf(pod)) as PodStatus['qosClass'] };
    dropDisabledPodFields(pod.spec);
    if ((pod.spec.schedulingGates ?? []).length > 0) markGated(pod.status, nowMs);
    mergeLabelKeys(pod);
    takeAppArmorAnnotations(pod, warn ?? (() => {}));
  },
  validateCreate: validatePod,
  prepareForUpdate(next, previous) {
    next.status = previous.status;
    dropDisabledPodFields(next.spec);
  },
  validateUpdate: validatePodUpdate,
  prepareForStatusUpdate(next, previous) {
    next.spec = previous.spec;
    next.metadata.deletionTimestamp = undefined;
    next.metadata.ownerReferences = previous.metadata.ownerReferences;
    next.status ??= {};
    const { status } = next;
    if (!status.qosClass) status.qosClass = previous.status?.qosClass;
    keepObservedGenerations(status, previous.status ?? {});
    dropDisabledStatusFields(status);
  },
  validateStatusUpdate: validatePodStatus,
  warningsOnCreate(pod) {
    const { name = '' } = pod.metadata;
    const problems = dns1123LabelFaults(name);
    const hint =
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended:";
    const warnings = problems.length === 0 ? [] : [`${hint} [${problems.join(' ')}]`];
    return [...warnings, ...podSpecWarnings(pod.spec, pod.metadata, '')];
  },
  warningsOnUpdate: () => [],
  warningsOnStatusUpdate: podStatusWarnings,
  gracePeriodSeconds(pod, wished) {
    const { phase } = pod.status ?? {};
    if (!pod.spec.nodeName || phase === 'Failed' || phase === 'Succeeded') return 0;
    const seconds = Number(wished ?? pod.spec.terminationGracePeriodSeconds ?? 0);
    return seconds < 0 ? 1 : seconds;
  },
};

/** Warnings of a status that names addresses in an odd notation. */
function podStatusWarnings({ status }: Pod): readonly string[] {
  return [
    ...(status?.podIPs ?? []).flatMap(({ ip }, index) => ipWarnings(`status.podIPs[${index}].ip`, ip ?? '')),
    ...(status?.hostIPs ?? []).flatMap(({ ip }, index) => ipWarnings(`status.hostIPs[${index}].ip`, ip ?? '')),
  ];
}

function markGated(status: PodStatus, nowMs: number): void {
  status.conditions = [
    {
      type: 'PodScheduled',
      status: 'False',
      lastTransitionTime: toTimeText(nowMs),
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
    },
  ];
}

/** Turns `matchLabelKeys` into conditions on the values that the pod has. */
function mergeLabelKeys({ spec, metadata }: Pod): void {
  const labels = metadata.labels ?? {};
  const merge = (
    selector: LabelSelector | undefined,
    keys: readonly string[] | undefined,
    operator: 'In' | 'NotIn',
  ): void => {
    if (!selector) return;
    for (const key of keys ?? []) {
      const value = labels[key];
      if (value === undefined) continue;
      selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
    }
  };
  const mergeTerm = ({ labelSelector, matchLabelKeys, mismatchLabelKeys }: PodAffinityTerm): void => {
    merge(labelSelector, matchLabelKeys, 'In');
    merge(labelSelector, mismatchLabelKeys, 'NotIn');
  };
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      if (podAffinityTerm) mergeTerm(podAffinityTerm);
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) mergeTerm(term);
  }
  for (const { labelSelector, matchLabelKeys } of spec.topologySpreadConstraints ?? [])
    merge(labelSelector, matchLabelKeys, 'In');
}

function takeAppArmorAnnotations({ spec, metadata }: Pod, warn: (text: string) => void): void {
  const { annotations } = metadata;
  if (!annotations || spec.os?.name === 'windows') return;
  visitContainers(spec, 'spec', (container: Container) => {
    const key = APP_ARMOR + container.name;
    const annotation = annotations[key];
    if (annotation === undefined || container.securityContext?.appArmorProfile) return;
    const field = appArmorFieldOf(annotation);
    const faults = new FieldFaults();
    checkAppArmor(field, '', faults);
    const isUsable = field !== undefined && faults.count === 0;
    if (isUsable && isSame(field, spec.securityContext?.appArmorProfile)) return;
    warn(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
    if (isUsable) container.securityContext = { ...container.securityContext, appArmorProfile: field };
  });
}

/** Old kubelets do not tell which generation they saw: what is known stays. */
function keepObservedGenerations(status: PodStatus, before: PodStatus): void {
  if (!status.observedGeneration) status.observedGeneration = before.observedGeneration;
  const known = new Map((before.conditions ?? []).map(({ type, observedGeneration }) => [type, observedGeneration]));
  status.conditions = status.conditions?.map((condition) =>
    condition.observedGeneration
      ? condition
      : { ...condition, observedGeneration: known.get(condition.type) ?? condition.observedGeneration },
  );
}
