import * as types from '../generated/resource-types.ts';
import type { KubeObject } from '../machinery/object/object.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { admissionRegistrationKinds } from './admissionregistration/kinds.ts';
import { certificatesKinds } from './certificates/kinds.ts';
import { leaseResource } from './coordination/lease/definition.ts';
import { defineResource } from './define.ts';
import { flowControlKinds } from './flowcontrol/kinds.ts';
import { ageColumn, column, nameColumn } from './legacy-columns.ts';
import { runtimeClassResource } from './node/runtime-class/definition.ts';
import { podDisruptionBudgetResource } from './policy/pod-disruption-budget/definition.ts';
import { priorityClassResource } from './scheduling/priority-class/definition.ts';
import { specAndStatus } from './status-strategy.ts';
import { storageKinds } from './storage/kinds.ts';

const rest: readonly ResourceDefinition[] = [
  leaseResource,
  podDisruptionBudgetResource,
  priorityClassResource,
  runtimeClassResource,
  ...[types.deviceclasses, types.resourceclaims, types.resourceclaimtemplates, types.resourceslices].map((type) =>
    defineResource(type as types.ResourceType<KubeObject>, { columns: [nameColumn, ageColumn] }),
  ),
  defineResource(types.customresourcedefinitions, {
    storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
    generation: 'spec',
  }),
  defineResource(types.apiservices, {
    storagePrefix: 'apiregistration.k8s.io/apiservices',
    columns: [
      nameColumn,
      column('Service', ({ spec }) => (spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local')),
      column('Available', ({ status }) => {
        const found = status?.conditions?.find(({ type }) => type === 'Available');
        return found === undefined ? 'Unknown' : found.status === 'True' ? 'True' : `False (${found.reason})`;
      }),
      ageColumn,
    ],
    strategy: specAndStatus({
      applyDefaults({ spec }) {
        if (spec?.service) spec.service.port ??= 443;
      },
    }),
  }),
  ...[
    types.tokenreviews,
    types.selfsubjectreviews,
    types.subjectaccessreviews,
    types.localsubjectaccessreviews,
    types.selfsubjectaccessreviews,
    types.selfsubjectrulesreviews,
  ].map((type) => defineResource(type as types.ResourceType<KubeObject>)),
];

export const otherKinds: readonly ResourceDefinition[] = [
  ...storageKinds,
  ...rest,
  ...admissionRegistrationKinds,
  ...certificatesKinds,
  ...flowControlKinds,
];
