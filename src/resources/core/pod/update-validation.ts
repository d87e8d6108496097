import type {
  Container,
  NodeAffinity,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
} from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { goDifference, toGoView } from '../../checks/go-view.ts';
import { isSame, isSameStruct } from '../../checks/same.ts';
import { APP_ARMOR, checkPodAnnotations, MIRROR } from '../pod-spec/annotations.ts';
import { checkImageText } from '../pod-spec/containers.ts';
import { checkTolerations } from '../pod-spec/tolerations.ts';
import { checkMetadataAndSpec } from './validation.ts';

const MAX_DEADLINE_SECONDS = 2 ** 31 - 1;
const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** What may change in a pod that exists. Source: core/validation (ValidatePodUpdate). */
export function validatePodUpdate(next: Pod, previous: Pod): readonly FieldError[] {
  const faults = new FieldFaults();
  checkMetadataAndSpec(next, faults);
  checkAnnotationUpdates(next, previous, faults);
  for (const kind of ['containers', 'initContainers'] as const)
    if (!checkContainers(next.spec[kind] ?? [], previous.spec[kind] ?? [], `spec.${kind}`, faults)) return faults.list;
  if (!checkDeadline(next.spec, previous.spec, faults)) return faults.list;
  checkAddedTolerations(next.spec.tolerations, previous.spec.tolerations, 'spec.tolerations', faults);
  checkGates(next.spec, previous.spec, faults);
  if (isSameStruct(next.spec, previous.spec, 'core/v1.PodSpec')) return faults.list;
  const rest = withoutUpdatable(next.spec, previous.spec, faults);
  if (!isSameStruct(rest, previous.spec, 'core/v1.PodSpec')) {
    const difference = goDifference(previous.spec, rest, 'core/v1.PodSpec');
    faults.forbidden('spec', `pod updates may not change fields other than ${UPDATABLE}\n${difference}`);
  }
  return faults.list;
}

/** Source: core/validation (ValidatePodSpecificAnnotationUpdates). */
export function checkAnnotationUpdates({ metadata, spec }: Pod, previous: Pod, faults: FieldFaults): void {
  const after = metadata.annotations ?? {};
  const before = previous.metadata.annotations ?? {};
  const path = 'metadata.annotations';
  for (const key in before) {
    if (after[key] === before[key]) continue;
    if (key.startsWith(APP_ARMOR)) faults.forbidden(`${path}[${key}]`, 'may not remove or update AppArmor annotations');
    if (key === MIRROR) faults.forbidden(`${path}[${key}]`, 'may not remove or update mirror pod annotation');
  }
  for (const key in after) {
    if (key in before) continue;
    if (key.startsWith(APP_ARMOR)) faults.forbidden(`${path}[${key}]`, 'may not add AppArmor annotations');
    if (key === MIRROR) faults.forbidden(`${path}[${key}]`, 'may not add mirror pod annotation');
  }
  checkPodAnnotations(metadata.annotations, spec, path, faults);
}

/** False where the lists differ in length, so that nothing further can be compared. */
function checkContainers(
  next: readonly Container[],
  previous: readonly Container[],
  path: string,
  faults: FieldFaults,
): boolean {
  if (next.length !== previous.length) {
    faults.forbidden(path, 'pod updates may not add or remove containers');
    return false;
  }
  next.forEach((container, index) => {
    if (!container.image) faults.required(`${path}[${index}].image`);
    checkImageText(container, `${path}[${index}]`, faults);
  });
  return true;
}

/** A deadline comes, or comes nearer; it never goes. */
function checkDeadline(next: PodSpec, previous: PodSpec, faults: FieldFaults): boolean {
  const at = 'spec.activeDeadlineSeconds';
  const { activeDeadlineSeconds: after } = next;
  const { activeDeadlineSeconds: before } = previous;
  const size = faults.count;
  if (after === undefined) {
    if (before !== undefined) faults.invalid(at, null, 'must not update from a positive integer to nil value');
    return true;
  }
  if (after < 0 || after > MAX_DEADLINE_SECONDS)
    faults.invalid(at, after, `must be between 0 and ${MAX_DEADLINE_SECONDS}, inclusive`);
  else if (before !== undefined && before < after)
    faults.invalid(at, after, 'must be less than or equal to previous value');
  return faults.count === size;
}

/** Tolerations stay, apart from how long they hold; new ones may come. */
export function checkAddedTolerations(
  next: readonly Toleration[] | undefined,
  previous: readonly Toleration[] | undefined,
  path: string,
  faults: FieldFaults,
): void {
  const plain = ({ tolerationSeconds: _, ...rest }: Toleration): Toleration => rest as Toleration;
  for (const old of previous ?? []) {
    if (next?.some((other) => isSame(plain(other), plain(old)))) continue;
    faults.forbidden(path, 'existing toleration can not be modified except its tolerationSeconds');
    return;
  }
  checkTolerations(next, path, faults);
}

function checkGates(next: PodSpec, previous: PodSpec, faults: FieldFaults): void {
  const before = new Set((previous.schedulingGates ?? []).map(({ name = '' }) => name));
  next.schedulingGates?.forEach(({ name = '' }, index) => {
    if (before.has(name)) return;
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`;
    faults.forbidden(`spec.schedulingGates[${index}].name`, why);
  });
}

/** The new spec with everything that may change put back, so that only forbidden changes are left. */
function withoutUpdatable(next: PodSpec, previous: PodSpec, faults: FieldFaults): PodSpec {
  const withImages = (list: Container[] | undefined, old: Container[] | undefined): Container[] | undefined =>
    list?.map((container, index) => ({ ...container, image: old?.[index]?.image }));
  const rest: PodSpec = {
    ...next,
    containers: withImages(next.containers, previous.containers) ?? [],
    initContainers: withImages(next.initContainers, previous.initContainers),
    activeDeadlineSeconds: previous.activeDeadlineSeconds,
    schedulingGates: previous.schedulingGates,
    tolerations: previous.tolerations,
  };
  const { terminationGracePeriodSeconds: grace } = previous;
  if (grace !== undefined && grace < 0 && rest.terminationGracePeriodSeconds === 1)
    rest.terminationGracePeriodSeconds = grace;
  if ((previous.schedulingGates ?? []).length > 0) keepPlacement(rest, next, previous, faults);
  return rest;
}

/** While a pod is gated, where it may run can still be narrowed. */
function keepPlacement(rest: PodSpec, next: PodSpec, previous: PodSpec, faults: FieldFaults): void {
  if (!isSame(next.nodeSelector, previous.nodeSelector)) {
    for (const key in previous.nodeSelector) {
      if (next.nodeSelector?.[key] === previous.nodeSelector[key]) continue;
      const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
      faults.invalid('spec.nodeSelector', next.nodeSelector ?? null, why);
      break;
    }
    rest.nodeSelector = previous.nodeSelector;
  }
  const after = next.affinity?.nodeAffinity;
  const before = previous.affinity?.nodeAffinity;
  if (isSame(after, before)) return;
  checkNodeAffinityMutation(after, before, faults);
  if (!next.affinity) rest.affinity = before === undefined ? undefined : { nodeAffinity: before };
  else if (!previous.affinity && !next.affinity.podAffinity && !next.affinity.podAntiAffinity)
    rest.affinity = undefined;
  else rest.affinity = { ...next.affinity, nodeAffinity: before };
}

const viewOf = (term: NodeSelectorTerm): unknown => toGoView(term, 'core/v1.NodeSelectorTerm');

function checkNodeAffinityMutation(
  next: NodeAffinity | undefined,
  previous: NodeAffinity | undefined,
  faults: FieldFaults,
): void {
  const old = previous?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (!old) return;
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const given = next?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const terms = given ?? [];
  if (old.length > 0 && old.length !== terms.length) {
    const why = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed';
    faults.invalid(path, given?.map(viewOf) ?? null, why);
    return;
  }
  old.forEach((term, index) => {
    const now = terms[index] ?? {};
    const grew = (field: 'matchExpressions' | 'matchFields'): boolean => {
      const kept = term[field] ?? [];
      return isSame((now[field] ?? []).slice(0, kept.length), kept);
    };
    const wasEmpty = isSame(term, {});
    if (!grew('matchExpressions') || !grew('matchFields') || (wasEmpty && !isSame(now, {})))
      faults.invalid(`${path}[${index}]`, viewOf(now), 'only additions are allowed (no mutations or deletions)');
  });
}
