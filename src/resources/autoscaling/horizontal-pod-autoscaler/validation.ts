import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingPolicy,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../../../generated/api/autoscaling/v2.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { dns1123LabelFaults, pathSegmentFaults } from '../../../machinery/values/names.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkContainerResourceName, checkNonNegativeAmount } from '../../checks/resource-names.ts';

/** Source of all: autoscaling/validation; pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go. */

const SOURCES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const SELECTS = ['Disabled', 'Max', 'Min'];
const POLICIES = ['Percent', 'Pods'];
const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;

interface ReferenceRules {
  readonly takesAnyVersion: boolean;
  readonly takesCore: boolean;
}

/** @param previous - The stored autoscaler on update. */
export function validateAutoscaler(
  autoscaler: HorizontalPodAutoscaler,
  previous: HorizontalPodAutoscaler | undefined,
): readonly FieldError[] {
  const faults = new FieldFaults();
  const { spec } = autoscaler;
  const old = previous?.spec.scaleTargetRef;
  const { kind, apiVersion } = spec.scaleTargetRef ?? {};
  const isSameKind = previous !== undefined && old?.kind === kind && old?.apiVersion === apiVersion;
  const target = { takesAnyVersion: isSameKind, takesCore: kind === 'ReplicationController' };
  const wasWrong = (previous?.spec.metrics ?? []).some(
    ({ type, object }) => type === 'Object' && object && versionFault(object.describedObject?.apiVersion, true),
  );
  const lowest = previous?.spec.minReplicas === 0 ? 0 : 1;
  checkReplicas(spec, lowest, faults);
  checkReference(spec.scaleTargetRef, 'spec.scaleTargetRef', target, faults);
  checkMetrics(spec, { takesAnyVersion: wasWrong, takesCore: true }, faults);
  checkRules(spec.behavior?.scaleUp, 'spec.behavior.scaleUp', faults);
  checkRules(spec.behavior?.scaleDown, 'spec.behavior.scaleDown', faults);
  return faults.list;
}

export function validateAutoscalerStatus({ status }: HorizontalPodAutoscaler): readonly FieldError[] {
  const faults = new FieldFaults();
  faults.nonNegative('status.currentReplicas', status?.currentReplicas);
  faults.nonNegative('status.desiredReplicas', status?.desiredReplicas);
  return faults.list;
}

function checkReplicas(spec: HorizontalPodAutoscalerSpec, lowest: number, faults: FieldFaults): void {
  const { minReplicas: min, maxReplicas: max = 0 } = spec;
  if (min !== undefined && min < lowest)
    faults.invalid('spec.minReplicas', min, `must be greater than or equal to ${lowest}`);
  if (max === 0) faults.required('spec.maxReplicas', 'must be set and greater than 0');
  else if (max < 0) faults.invalid('spec.maxReplicas', max, 'must be greater than or equal to 1');
  if (min !== undefined && max < min)
    faults.invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`');
}

/** What Go says of an API version; undefined where it is fine. */
function versionFault(apiVersion: string | undefined, takesCore: boolean): string | undefined {
  const text = apiVersion ?? '';
  const slashes = text.split('/').length - 1;
  if (text !== '/' && slashes > 1) return `unexpected GroupVersion string: ${text}`;
  const isCore = text === '/' || slashes === 0 || text.startsWith('/');
  return isCore && !takesCore ? 'apiVersion must specify API group' : undefined;
}

function checkReference(
  reference: CrossVersionObjectReference | undefined,
  path: string,
  { takesAnyVersion, takesCore }: ReferenceRules,
  faults: FieldFaults,
): void {
  for (const field of ['kind', 'name'] as const) checkSegment(reference?.[field], `${path}.${field}`, '', faults);
  if (takesAnyVersion) return;
  const fault = versionFault(reference?.apiVersion, takesCore);
  if (fault !== undefined) faults.invalid(`${path}.apiVersion`, reference?.apiVersion ?? '', fault);
}

function checkSegment(value: string | undefined, path: string, whyRequired: string, faults: FieldFaults): void {
  if (!value) faults.required(path, whyRequired);
  else faults.invalidFor(path, value, pathSegmentFaults(value));
}

function checkMetrics(spec: HorizontalPodAutoscalerSpec, rules: ReferenceRules, faults: FieldFaults): void {
  const metrics = spec.metrics ?? [];
  metrics.forEach((metric, index) => {
    checkMetric(metric, `spec.metrics[${index}]`, rules, faults);
  });
  if (spec.minReplicas !== 0 || metrics.some(({ type }) => type === 'Object' || type === 'External')) return;
  const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
  faults.forbidden('spec.metrics', why);
}

const fieldOf: Readonly<Record<string, 'object' | 'pods' | 'resource' | 'external' | 'containerResource'>> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  External: 'external',
  ContainerResource: 'containerResource',
};

function checkMetric(metric: MetricSpec, path: string, rules: ReferenceRules, faults: FieldFaults): void {
  const { type = '' } = metric;
  if (type === '') faults.required(`${path}.type`, 'must specify a metric source type');
  if (!SOURCES.includes(type)) faults.notSupported(`${path}.type`, type, SOURCES);
  const present = (['object', 'external', 'pods', 'resource', 'containerResource'] as const).filter(
    (field) => metric[field] !== undefined,
  );
  const [first] = present;
  if (first !== undefined) checkSource(metric, first, `${path}.${first}`, rules, faults);
  const expected = fieldOf[type];
  if (expected === undefined) faults.notSupported(`${path}.type`, type, SOURCES);
  else if (metric[expected] === undefined)
    faults.required(`${path}.${expected}`, 'must populate information for the given metric source');
  if (present.length === 1) return;
  for (const field of present)
    if (field !== expected) faults.forbidden(`${path}.${field}`, 'must populate the given metric source only');
}

function checkSource(
  metric: MetricSpec,
  field: 'object' | 'external' | 'pods' | 'resource' | 'containerResource',
  path: string,
  rules: ReferenceRules,
  faults: FieldFaults,
): void {
  const target: Partial<MetricTarget> = metric[field]?.target ?? {};
  const at = `${path}.target`;
  const hasNone = target.value === undefined && target.averageValue === undefined;
  switch (field) {
    case 'object':
      checkReference(metric.object?.describedObject, `${path}.describedObject`, rules, faults);
      checkIdentifier(metric.object?.metric, path, faults);
      checkTarget(target, at, faults);
      if (hasNone) faults.required(`${at}.averageValue`, 'must set either a target value or averageValue');
      return;
    case 'external':
      checkIdentifier(metric.external?.metric, path, faults);
      checkTarget(target, at, faults);
      if (hasNone)
        faults.required(`${at}.averageValue`, 'must set either a target value for metric or a per-pod target');
      if (target.value !== undefined && target.averageValue !== undefined)
        faults.forbidden(`${at}.value`, 'may not set both a target value for metric and a per-pod target');
      return;
    case 'pods':
      checkIdentifier(metric.pods?.metric, path, faults);
      checkTarget(target, at, faults);
      if (target.averageValue === undefined)
        faults.required(`${at}.averageValue`, 'must specify a positive target averageValue');
      return;
    case 'resource':
      if (!metric.resource?.name) faults.required(`${path}.name`, 'must specify a resource name');
      break;
    case 'containerResource':
      checkContainerSource(metric, path, faults);
      break;
    default:
      field satisfies never;
  }
  checkTarget(target, at, faults);
  const { averageUtilization, averageValue } = target;
  if (averageUtilization === undefined && averageValue === undefined)
    faults.required(`${at}.averageUtilization`, 'must set either a target raw value or a target utilization');
  if (averageUtilization !== undefined && averageValue !== undefined)
    faults.forbidden(`${at}.averageValue`, 'may not set both a target raw value and a target utilization');
}

function checkContainerSource({ containerResource }: MetricSpec, path: string, faults: FieldFaults): void {
  const { name, container } = containerResource ?? {};
  if (name) checkContainerResourceName(name, `${path}.name`, faults);
  else faults.required(`${path}.name`, 'must specify a resource name');
  if (container) faults.invalidFor(`${path}.container`, container, dns1123LabelFaults(container));
  else faults.required(`${path}.container`, 'must specify a container');
}

function checkIdentifier(metric: MetricIdentifier | undefined, path: string, faults: FieldFaults): void {
  checkSegment(metric?.name, `${path}.metric.name`, 'must specify a metric name', faults);
}

function checkTarget(target: Partial<MetricTarget>, path: string, faults: FieldFaults): void {
  const { type = '', averageUtilization } = target;
  if (type === '') faults.required(`${path}.type`, 'must specify a metric target type');
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue')
    faults.invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue');
  for (const field of ['value', 'averageValue'] as const) {
    const amount = target[field];
    if (amount !== undefined && parseQuantity(amount).nano <= 0n)
      faults.invalid(`${path}.${field}`, amount, 'must be positive');
  }
  if (averageUtilization !== undefined && averageUtilization < 1)
    faults.invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0');
}

function checkRules(rules: HPAScalingRules | undefined, path: string, faults: FieldFaults): void {
  if (!rules) return;
  const { stabilizationWindowSeconds: seconds, selectPolicy, policies = [], tolerance } = rules;
  const at = `${path}.stabilizationWindowSeconds`;
  if (seconds !== undefined && seconds < 0) faults.invalid(at, seconds, 'must be greater than or equal to zero');
  if (seconds !== undefined && seconds > MAX_WINDOW_SECONDS)
    faults.invalid(at, seconds, `must be less than or equal to ${MAX_WINDOW_SECONDS}`);
  faults.optionalOneOf(`${path}.selectPolicy`, selectPolicy, SELECTS);
  if (policies.length === 0) faults.required(`${path}.policies`, 'must specify at least one Policy');
  policies.forEach((policy, index) => {
    checkPolicy(policy, `${path}.policies[${index}]`, faults);
  });
  if (tolerance !== undefined) checkNonNegativeAmount(tolerance, `${path}.tolerance`, faults);
}

function checkPolicy(policy: HPAScalingPolicy, path: string, faults: FieldFaults): void {
  const { type = '', value = 0, periodSeconds = 0 } = policy;
  if (!POLICIES.includes(type)) faults.notSupported(`${path}.type`, type, POLICIES);
  faults.positive(`${path}.value`, value);
  faults.positive(`${path}.periodSeconds`, periodSeconds);
  if (periodSeconds > MAX_PERIOD_SECONDS)
    faults.invalid(`${path}.periodSeconds`, periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`);
}
