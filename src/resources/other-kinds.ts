import type { CertificateSigningRequest } from '../generated/api/certificates/v1.ts';
import * as types from '../generated/resource-types.ts';
import { fieldRequired } from '../machinery/errors/field-error.ts';
import type { KubeObject } from '../machinery/object/object.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { admissionRegistrationKinds } from './admissionregistration/kinds.ts';
import { leaseResource } from './coordination/lease/definition.ts';
import { defineResource } from './define.ts';
import { ageColumn, ageOf, column, nameColumn } from './legacy-columns.ts';
import { runtimeClassResource } from './node/runtime-class/definition.ts';
import { podDisruptionBudgetResource } from './policy/pod-disruption-budget/definition.ts';
import { priorityClassResource } from './scheduling/priority-class/definition.ts';
import { specAndStatus } from './status-strategy.ts';
import { storageKinds } from './storage/kinds.ts';

const csrState = ({ status }: CertificateSigningRequest): string => {
  const states: string[] = [];
  const has = (wanted: string): boolean => status?.conditions?.some(({ type }) => type === wanted) ?? false;
  if (has('Approved')) states.push('Approved');
  if (has('Denied')) states.push('Denied');
  if (has('Failed')) states.push('Failed');
  if (status?.certificate) states.push('Issued');
  return states.length === 0 ? 'Pending' : states.join(',');
};

const rest: readonly ResourceDefinition[] = [
  leaseResource,
  podDisruptionBudgetResource,
  priorityClassResource,
  runtimeClassResource,
  defineResource(types.certificatesigningrequests, {
    selectableFields: { 'spec.signerName': ({ spec }: CertificateSigningRequest) => spec.signerName ?? '' },
    columns: [
      nameColumn,
      ageColumn,
      column('SignerName', ({ spec }) => spec.signerName ?? ''),
      column('Requestor', ({ spec }) => spec.username ?? ''),
      column('RequestedDuration', ({ spec }) =>
        spec.expirationSeconds ? ageOf(new Date(0).toISOString(), spec.expirationSeconds * 1000) : '<none>',
      ),
      column('Condition', csrState),
    ],
    strategy: specAndStatus<CertificateSigningRequest>({
      prepareForUpdate(next, previous) {
        next.spec = previous.spec;
      },
      validateCreate: ({ spec }) => [
        ...(spec.request ? [] : [fieldRequired('spec.request')]),
        ...(spec.signerName ? [] : [fieldRequired('spec.signerName')]),
        ...(spec.usages?.length ? [] : [fieldRequired('spec.usages')]),
      ],
    }),
  }),
  ...[types.deviceclasses, types.resourceclaims, types.resourceclaimtemplates, types.resourceslices].map((type) =>
    defineResource(type as types.ResourceType<KubeObject>, { columns: [nameColumn, ageColumn] }),
  ),
  ...[types.flowschemas, types.prioritylevelconfigurations].map((type) =>
    defineResource(type as types.ResourceType<KubeObject>, {
      generation: 'spec',
      columns: [nameColumn, ageColumn],
      strategy: specAndStatus(),
    }),
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

export const otherKinds: readonly ResourceDefinition[] = [...storageKinds, ...rest, ...admissionRegistrationKinds];
