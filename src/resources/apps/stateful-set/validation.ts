import type { StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from '../../../generated/api/apps/v1.ts';
import type { PodTemplateSpec, Volume } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkAtMost100Percent, checkIntOrPercent, numberOf } from '../../checks/int-or-percent.ts';
import { checkLabels } from '../../checks/labels.ts';
import { checkDnsLabel } from '../../checks/names.ts';
import { checkAnnotations } from '../../checks/object-meta.ts';
import { isSameStruct } from '../../checks/same.ts';
import { checkClaimSpec } from '../../core/persistent-volume-claim/claim-spec.ts';
import { checkPodAnnotations } from '../../core/pod-spec/annotations.ts';
import { checkPodTemplate } from '../../core/pod-spec/pod-template.ts';
import {
  checkAtMost,
  checkCollisions,
  checkCounts,
  checkLasting,
  checkSelector,
  checkTemplateLabels,
} from '../workload.ts';

/** Source of all: apps/validation (ValidateStatefulSet, …Update, …StatusUpdate). */

interface Options {
  readonly isUpdate: boolean;
  /** The stored template breaks a rule already: it is not judged again. */
  readonly skipsTemplate: boolean;
}

export function validateStatefulSet(statefulSet: StatefulSet): readonly FieldError[] {
  const faults = new FieldFaults();
  check(statefulSet, { isUpdate: false, skipsTemplate: false }, faults);
  return faults.list;
}

const UPDATE_TEXT =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

export function validateStatefulSetUpdate(next: StatefulSet, previous: StatefulSet): readonly FieldError[] {
  const old = new FieldFaults();
  check(previous, { isUpdate: true, skipsTemplate: false }, old);
  const faults = new FieldFaults();
  check(next, { isUpdate: true, skipsTemplate: old.count > 0 }, faults);
  const { spec } = previous;
  const rest: StatefulSetSpec = {
    ...next.spec,
    replicas: spec.replicas,
    template: spec.template,
    updateStrategy: spec.updateStrategy,
    minReadySeconds: spec.minReadySeconds,
    ordinals: spec.ordinals,
    revisionHistoryLimit: spec.revisionHistoryLimit,
    persistentVolumeClaimRetentionPolicy: spec.persistentVolumeClaimRetentionPolicy,
  };
  if (!isSameStruct(rest, spec, 'apps/v1.StatefulSetSpec')) faults.forbidden('spec', UPDATE_TEXT);
  return faults.list;
}

function check(statefulSet: StatefulSet, options: Options, faults: FieldFaults): void {
  const { spec } = statefulSet;
  const { podManagementPolicy: management, serviceName } = spec;
  if (!management) faults.required('spec.podManagementPolicy');
  else if (management !== 'OrderedReady' && management !== 'Parallel')
    faults.invalid('spec.podManagementPolicy', management, "must be 'OrderedReady' or 'Parallel'");
  checkStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy', faults);
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const value = spec.persistentVolumeClaimRetentionPolicy?.[field] ?? '';
    const at = `spec.persistentVolumeClaimRetentionPolicy.${field}`;
    if (spec.persistentVolumeClaimRetentionPolicy) faults.optionalOneOf(at, value, ['Retain', 'Delete']);
  }
  if (!options.isUpdate)
    spec.volumeClaimTemplates?.forEach((claim, index) => {
      checkClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}].spec`, faults);
    });
  faults.nonNegative('spec.replicas', spec.replicas);
  faults.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  faults.nonNegative('spec.ordinals.start', spec.ordinals?.start);
  if (!options.isUpdate && serviceName) checkDnsLabel('spec.serviceName', serviceName, faults);
  if (checkSelector(spec.selector, 'statefulset', '', faults)) {
    checkTemplateLabels(statefulSet, faults);
    checkTemplate(spec, options, faults);
  }
  checkLasting(spec.template, 'StatefulSet', faults);
}

function checkStrategy(strategy: StatefulSetUpdateStrategy, path: string, faults: FieldFaults): void {
  const { type, rollingUpdate } = strategy;
  const at = `${path}.rollingUpdate`;
  if (!type) return faults.required(path);
  if (type === 'OnDelete') {
    if (!rollingUpdate) return;
    const shown = toGoView(rollingUpdate, 'apps/v1.RollingUpdateStatefulSetStrategy');
    return faults.invalid(at, shown, "only allowed for updateStrategy 'RollingUpdate'");
  }
  if (type !== 'RollingUpdate') {
    const shown = toGoView(strategy, 'apps/v1.StatefulSetUpdateStrategy');
    return faults.invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'");
  }
  if (!rollingUpdate) return;
  faults.nonNegative(`${at}.partition`, rollingUpdate.partition);
  const { maxUnavailable } = rollingUpdate;
  if (maxUnavailable === undefined) return;
  checkIntOrPercent(maxUnavailable, `${at}.maxUnavailable`, faults);
  if (numberOf(maxUnavailable) === 0) faults.invalid(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0');
  checkAtMost100Percent(maxUnavailable, `${at}.maxUnavailable`, faults);
}

/** The template as its pods will have it: with the claims as volumes, and with names that are set for each pod. */
function checkTemplate(spec: StatefulSetSpec, { skipsTemplate }: Options, faults: FieldFaults): void {
  const path = 'spec.template';
  const claims: Volume[] = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => {
    const name = metadata?.name ?? '';
    return { name, persistentVolumeClaim: { claimName: name } };
  });
  const names = new Set(claims.map(({ name }) => name));
  const { template } = spec;
  const podSpec = template?.spec;
  const filled: PodTemplateSpec | undefined =
    podSpec === undefined
      ? template
      : {
          ...template,
          spec: {
            ...podSpec,
            subdomain: undefined,
            hostname: undefined,
            volumes: [
              ...new Map(claims.map((claim) => [claim.name, claim])).values(),
              ...(podSpec.volumes ?? []).filter(({ name }) => !names.has(name)),
            ],
          },
        };
  if (!skipsTemplate) checkPodTemplate(filled, path, faults);
  const { labels, annotations } = template?.metadata ?? {};
  checkLabels(labels, `${path}.labels`, faults);
  checkAnnotations(annotations, `${path}.annotations`, faults);
  if (filled?.spec) checkPodAnnotations(annotations, filled.spec, `${path}.annotations`, faults);
}

export function validateStatefulSetStatus(next: StatefulSet, previous: StatefulSet): readonly FieldError[] {
  const faults = new FieldFaults();
  const { status } = next;
  const counts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'];
  checkCounts(status, ['replicas', ...counts, 'observedGeneration', 'collisionCount'], faults);
  checkAtMost(status, counts, 'replicas', 'status.replicas', faults);
  checkAtMost(status, ['availableReplicas'], 'readyReplicas', 'status.readyReplicas', faults);
  checkCollisions(status, previous.status, faults);
  return faults.list;
}
