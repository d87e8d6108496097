import { isDeepStrictEqual } from 'node:util';
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from '../../generated/api/apps/v1.ts';
import type { PodTemplateSpec } from '../../generated/api/core/v1.ts';
import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import {
  controllerrevisions,
  daemonsets,
  deployments,
  replicasets,
  statefulsets,
} from '../../generated/resource-types.ts';
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import type { Column } from '../../machinery/object/resource-definition.ts';
import { matchesLabels, parseSelectorObject, toSelectorText } from '../../machinery/values/selector-object.ts';
import { ageColumn, column, listText, nameColumn, wide } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { validatePodSpec } from '../core/pod-validation.ts';
import { defineResource } from '../define.ts';
import { specAndStatus } from '../status-strategy.ts';

interface Workload {
  readonly spec: { readonly template?: PodTemplateSpec | undefined; readonly selector?: LabelSelector | undefined };
}

const containersOf = ({ spec }: Workload) => spec.template?.spec?.containers ?? [];
export const selectorText = (selector: LabelSelector | undefined | null): string =>
  selector ? toSelectorText(parseSelectorObject(selector)) || '<none>' : '<none>';

/** Containers, Images and Selector, which every workload shows with `-o wide`. */
function wideColumns<T extends Workload>(): Column<T>[] {
  return [
    column('Containers', (object) => listText(containersOf(object).map(({ name }) => name ?? '')), wide),
    column('Images', (object) => listText(containersOf(object).map(({ image }) => image ?? '')), wide),
    column('Selector', (object) => selectorText(object.spec.selector), wide),
  ];
}

const count = <T>(name: string, cell: (object: T) => number | undefined): Column<T> =>
  column(name, (object) => cell(object) ?? 0, { type: 'integer' });

/** Rules that all workloads share: a selector that fits the template, and a template that runs for ever. */
export function validateTemplate({ spec }: Workload): FieldError[] {
  const faults: FieldError[] = [];
  const { selector, template } = spec;
  const empty =
    !selector ||
    (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0);
  if (!selector) faults.push(fieldRequired('spec.selector'));
  else if (empty) faults.push(fieldInvalid('spec.selector', selector, 'empty selector is invalid for deployment'));
  const labels = template?.metadata?.labels ?? {};
  if (selector && !empty && !matchesLabels(parseSelectorObject(selector), labels)) {
    faults.push(fieldInvalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  if (template?.spec) faults.push(...validatePodSpec(template.spec, 'spec.template.spec'));
  else faults.push(fieldRequired('spec.template.spec.containers'));
  const restart = template?.spec?.restartPolicy;
  if (restart && restart !== 'Always')
    faults.push(fieldNotSupported('spec.template.spec.restartPolicy', restart, ['Always']));
  return faults;
}

function validateReplicas(replicas: number | undefined): FieldError[] {
  return typeof replicas === 'number' && replicas < 0
    ? [fieldInvalid('spec.replicas', replicas, 'must be greater than or equal to 0')]
    : [];
}

function selectorKept(next: Workload, previous: Workload): FieldError[] {
  return isDeepStrictEqual(next.spec.selector, previous.spec.selector)
    ? []
    : [fieldInvalid('spec.selector', next.spec.selector, 'field is immutable')];
}

const deploymentRules = ({ spec }: Deployment): FieldError[] => {
  const faults: FieldError[] = [];
  const { strategy, minReadySeconds = 0, progressDeadlineSeconds } = spec;
  if (strategy?.type === 'Recreate' && strategy.rollingUpdate) {
    faults.push(
      fieldForbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
    );
  } else if (strategy?.type !== 'Recreate' && strategy?.type !== 'RollingUpdate') {
    faults.push(fieldNotSupported('spec.strategy.type', strategy?.type, ['Recreate', 'RollingUpdate']));
  }
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
  const isZero = (value: number | string | undefined): boolean => value === 0 || value === '0%';
  if (strategy?.rollingUpdate && isZero(maxSurge) && isZero(maxUnavailable)) {
    faults.push(
      fieldInvalid('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
    );
  }
  if (typeof progressDeadlineSeconds === 'number' && progressDeadlineSeconds <= (minReadySeconds ?? 0)) {
    faults.push(
      fieldInvalid('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'),
    );
  }
  return faults;
};

const validateDeployment = (object: Deployment): FieldError[] => [
  ...validateReplicas(object.spec.replicas),
  ...validateTemplate(object),
  ...deploymentRules(object),
];

const deployment = defineResource(deployments, {
  generation: 'spec',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  columns: [
    nameColumn,
    column('Ready', ({ spec, status }: Deployment) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    count('Up-to-date', ({ status }) => status?.updatedReplicas),
    count('Available', ({ status }) => status?.availableReplicas),
    ageColumn,
    ...wideColumns<Deployment>(),
  ],
  strategy: specAndStatus<Deployment>({
    applyDefaults({ spec }) {
      spec.replicas ??= 1;
      spec.strategy ??= {};
      if (!spec.strategy.type) spec.strategy.type = 'RollingUpdate';
      if (spec.strategy.type === 'RollingUpdate') {
        spec.strategy.rollingUpdate ??= {};
        spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
        spec.strategy.rollingUpdate.maxSurge ??= '25%';
      }
      spec.revisionHistoryLimit ??= 10;
      spec.progressDeadlineSeconds ??= 600;
      defaultPodTemplate(spec.template);
    },
    validateCreate: validateDeployment,
    validateUpdate: (next, previous) => [...validateDeployment(next), ...selectorKept(next, previous)],
  }),
});

const replicaSet = defineResource(replicasets, {
  generation: 'spec',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  selectableFields: { 'status.replicas': ({ status }: ReplicaSet) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    count('Desired', ({ spec }) => spec.replicas),
    count('Current', ({ status }) => status?.replicas),
    count('Ready', ({ status }) => status?.readyReplicas),
    ageColumn,
    ...wideColumns<ReplicaSet>(),
  ],
  strategy: specAndStatus<ReplicaSet>({
    applyDefaults({ spec }) {
      spec.replicas ??= 1;
      defaultPodTemplate(spec.template);
    },
    validateCreate: (object) => [...validateReplicas(object.spec.replicas), ...validateTemplate(object)],
    validateUpdate: (next, previous) => [
      ...validateReplicas(next.spec.replicas),
      ...validateTemplate(next),
      ...selectorKept(next, previous),
    ],
  }),
});

const daemonSet = defineResource(daemonsets, {
  generation: 'spec',
  columns: [
    nameColumn,
    count('Desired', ({ status }: DaemonSet) => status?.desiredNumberScheduled),
    count('Current', ({ status }) => status?.currentNumberScheduled),
    count('Ready', ({ status }) => status?.numberReady),
    count('Up-to-date', ({ status }) => status?.updatedNumberScheduled),
    count('Available', ({ status }) => status?.numberAvailable),
    column('Node Selector', ({ spec }) => {
      const pairs = Object.entries(spec.template?.spec?.nodeSelector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
      return pairs.length > 0 ? pairs.map(([key, value]) => `${key}=${value}`).join(',') : '<none>';
    }),
    ageColumn,
    ...wideColumns<DaemonSet>(),
  ],
  strategy: specAndStatus<DaemonSet>({
    applyDefaults({ spec }) {
      spec.updateStrategy ??= {};
      if (!spec.updateStrategy.type) spec.updateStrategy.type = 'RollingUpdate';
      if (spec.updateStrategy.type === 'RollingUpdate') {
        spec.updateStrategy.rollingUpdate ??= {};
        spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
        spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
      }
      spec.revisionHistoryLimit ??= 10;
      defaultPodTemplate(spec.template);
    },
    validateCreate: validateTemplate,
    validateUpdate: (next, previous) => [...validateTemplate(next), ...selectorKept(next, previous)],
  }),
});

const statefulSet = defineResource(statefulsets, {
  generation: 'spec',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  columns: [
    nameColumn,
    column('Ready', ({ spec, status }: StatefulSet) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    ageColumn,
    column('Containers', (object) => listText(containersOf(object).map(({ name }) => name ?? '')), wide),
    column('Images', (object) => listText(containersOf(object).map(({ image }) => image ?? '')), wide),
  ],
  strategy: specAndStatus<StatefulSet>({
    applyDefaults({ spec }) {
      if (!spec.podManagementPolicy) spec.podManagementPolicy = 'OrderedReady';
      spec.updateStrategy ??= {};
      if (!spec.updateStrategy.type) spec.updateStrategy.type = 'RollingUpdate';
      if (spec.updateStrategy.type === 'RollingUpdate') {
        spec.updateStrategy.rollingUpdate ??= {};
        spec.updateStrategy.rollingUpdate.partition ??= 0;
      }
      spec.persistentVolumeClaimRetentionPolicy ??= {};
      spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
      spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
      spec.replicas ??= 1;
      spec.revisionHistoryLimit ??= 10;
      defaultPodTemplate(spec.template);
      for (const template of spec.volumeClaimTemplates ?? []) {
        template.spec.volumeMode ??= 'Filesystem';
        template.status ??= {};
        template.status.phase ||= 'Pending';
      }
    },
    validateCreate: (object) => [...validateReplicas(object.spec.replicas), ...validateTemplate(object)],
    validateUpdate: (next, previous) => [
      ...validateReplicas(next.spec.replicas),
      ...validateTemplate(next),
      ...selectorKept(next, previous),
    ],
  }),
});

const controllerRevision = defineResource(controllerrevisions, {
  columns: [
    nameColumn,
    column('Controller', ({ metadata }: ControllerRevision) => {
      const owner = metadata.ownerReferences?.find(({ controller }) => controller);
      return owner === undefined
        ? '<none>'
        : `${owner.kind.toLowerCase()}.${owner.apiVersion.split('/')[0]}/${owner.name}`;
    }),
    column('Revision', ({ revision }) => revision ?? 0, { type: 'integer' }),
    ageColumn,
  ],
});

export const appsKinds = [controllerRevision, daemonSet, deployment, replicaSet, statefulSet];
