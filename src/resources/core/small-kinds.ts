import { isDeepStrictEqual } from 'node:util';
import type {
  ConfigMap,
  Endpoints,
  Event,
  LimitRange,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from '../../generated/api/core/v1.ts';
import {
  bindings,
  configmaps,
  endpoints,
  events,
  limitranges,
  namespaces,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  podtemplates,
  replicationcontrollers,
  resourcequotas,
  secrets,
  serviceaccounts,
} from '../../generated/resource-types.ts';
import { type FieldError, fieldForbidden, fieldInvalid, fieldRequired } from '../../machinery/errors/field-error.ts';
import { configKeyFaults } from '../../machinery/values/names.ts';
import { ageColumn, ageOf, column, labelsText, listText, nameColumn, wide } from '../columns.ts';
import { defineResource } from '../define.ts';
import { specAndStatus } from '../status-strategy.ts';
import { defaultPodTemplate } from './pod-defaults.ts';

const sizeOf = (map: object | undefined | null): number => Object.keys(map ?? {}).length;

const MAX_SECRET_BYTES = 1024 * 1024;

/** Source: pkg/apis/core/validation/validation.go (ValidateConfigMap). */
function validateConfigMap({ data, binaryData }: ConfigMap): FieldError[] {
  const faults: FieldError[] = [];
  let total = 0;
  for (const [key, value] of Object.entries(data ?? {})) {
    for (const fault of configKeyFaults(key)) faults.push(fieldInvalid(`data[${key}]`, key, fault));
    if (binaryData && key in binaryData)
      faults.push(fieldInvalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    total += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData ?? {})) {
    for (const fault of configKeyFaults(key)) faults.push(fieldInvalid(`binaryData[${key}]`, key, fault));
    total += Math.floor((value.length * 3) / 4);
  }
  if (total > MAX_SECRET_BYTES) faults.push(fieldInvalid('', '', 'must have at most 1048576 bytes'));
  return faults;
}

/** Nothing of an immutable object changes any more, not even that it is immutable. */
function immutableFaults(
  next: { immutable?: boolean | undefined },
  previous: { immutable?: boolean | undefined },
  fields: readonly string[],
): FieldError[] {
  if (!previous.immutable) return [];
  const faults: FieldError[] = [];
  if (!next.immutable) faults.push(fieldForbidden('immutable', 'field is immutable when `immutable` is set'));
  for (const field of fields) {
    const before = Reflect.get(previous, field) ?? {};
    const after = Reflect.get(next, field) ?? {};
    if (!isDeepStrictEqual(before, after))
      faults.push(fieldForbidden(field, 'field is immutable when `immutable` is set'));
  }
  return faults;
}

/** Keys that a typed Secret must have. Source: ValidateSecret. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

function validateSecret(secret: Secret): FieldError[] {
  const faults: FieldError[] = [];
  for (const key of Object.keys(secret.data ?? {})) {
    for (const fault of configKeyFaults(key)) faults.push(fieldInvalid(`data[${key}]`, key, fault));
  }
  for (const key of requiredKeys[secret.type ?? ''] ?? []) {
    if (secret.data?.[key] === undefined) faults.push(fieldRequired(`data[${key}]`));
  }
  if (
    secret.type === 'kubernetes.io/service-account-token' &&
    !secret.metadata.annotations?.['kubernetes.io/service-account.name']
  ) {
    faults.push(fieldRequired('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  return faults;
}

const configMap = defineResource(configmaps, {
  columns: [
    nameColumn,
    column('Data', ({ data, binaryData }) => sizeOf(data) + sizeOf(binaryData), { type: 'integer' }),
    ageColumn,
  ],
  strategy: {
    validateCreate: validateConfigMap,
    validateUpdate: (next, previous) => [
      ...immutableFaults(next, previous, ['data', 'binaryData']),
      ...validateConfigMap(next),
    ],
  },
});

const secret = defineResource(secrets, {
  columns: [
    nameColumn,
    column('Type', ({ type }) => type ?? ''),
    column('Data', ({ data }) => sizeOf(data), { type: 'integer' }),
    ageColumn,
  ],
  selectableFields: { type: ({ type }) => type ?? '' },
  strategy: {
    applyDefaults(object: Secret) {
      if (!object.type) object.type = 'Opaque';
      if (object.stringData) {
        const data: Record<string, string> = { ...object.data };
        for (const [key, text] of Object.entries(object.stringData)) data[key] = Buffer.from(text).toString('base64');
        object.data = data;
        object.stringData = undefined;
      }
    },
    prepareForUpdate(next, previous) {
      if (!next.type) next.type = previous.type;
    },
    validateCreate: validateSecret,
    validateUpdate(next, previous) {
      const faults = immutableFaults(next, previous, ['data']);
      if (next.type !== previous.type) faults.unshift(fieldInvalid('type', next.type, 'field is immutable'));
      return [...faults, ...validateSecret(next)];
    },
  },
});

const namespace = defineResource(namespaces, {
  columns: [nameColumn, column('Status', ({ status }) => status?.phase ?? ''), ageColumn],
  selectableFields: {
    'status.phase': ({ status }) => status?.phase ?? '',
    name: ({ metadata }) => metadata.name ?? '',
  },
  strategy: {
    applyDefaults(object: Namespace) {
      object.status ??= {};
      if (!object.status.phase) object.status.phase = 'Active';
      const { name = '' } = object.metadata;
      if (name !== '') object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': name };
    },
    prepareForCreate(object) {
      object.status = { phase: 'Active' };
      object.spec ??= {};
      const finalizers = object.spec.finalizers ?? [];
      if (!finalizers.includes('kubernetes')) object.spec.finalizers = [...finalizers, 'kubernetes'];
    },
    prepareForUpdate(next, previous) {
      next.spec = previous.spec;
      next.status = previous.status;
    },
    prepareForStatusUpdate(next, previous) {
      next.spec = previous.spec;
    },
  },
});

/** Source: printNode. */
function nodeRoles({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith('node-role.kubernetes.io/') && key.length > 24) roles.add(key.slice(24));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

function nodeState({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec?.unschedulable ? `${state},SchedulingDisabled` : state;
}

const addressOf = (node: Node, wanted: string): string =>
  node.status?.addresses?.find(({ type }) => type === wanted)?.address ?? '<none>';

const node = defineResource(nodes, {
  storagePrefix: 'minions',
  columns: [
    nameColumn,
    column('Status', nodeState),
    column('Roles', nodeRoles),
    ageColumn,
    column('Version', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
    column('Internal-IP', (object) => addressOf(object, 'InternalIP'), wide),
    column('External-IP', (object) => addressOf(object, 'ExternalIP'), wide),
    column('OS-Image', ({ status }) => status?.nodeInfo?.osImage || '<unknown>', wide),
    column('Kernel-Version', ({ status }) => status?.nodeInfo?.kernelVersion || '<unknown>', wide),
    column('Container-Runtime', ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>', wide),
  ],
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
  strategy: {
    applyDefaults(object: Node) {
      object.spec ??= {};
      const { status } = object;
      if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
    },
    prepareForUpdate(next, previous) {
      next.status = previous.status;
      // Set once, by the controller that owns ranges; a client that does not know it must not clear it.
      if (!next.spec?.podCIDR && previous.spec?.podCIDR) {
        next.spec = { ...next.spec, podCIDR: previous.spec.podCIDR, podCIDRs: previous.spec.podCIDRs };
      }
    },
    prepareForStatusUpdate(next, previous) {
      next.spec = previous.spec;
    },
  },
});

const serviceAccount = defineResource(serviceaccounts, {
  columns: [
    nameColumn,
    column('Secrets', ({ secrets: list }: ServiceAccount) => list?.length ?? 0, { type: 'integer' }),
    ageColumn,
  ],
});

/** Source: printEndpoints (formatEndpoints): three at most. */
function endpointsText({ subsets }: Endpoints): string {
  if (!subsets || subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses, ports }) =>
    ports && ports.length > 0
      ? ports.flatMap(({ port }) =>
          (addresses ?? []).map(({ ip }) => (ip?.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        )
      : (addresses ?? []).map(({ ip }) => ip ?? ''),
  );
  const shown = all.slice(0, 3).join(',');
  return all.length > 3 ? `${shown} + ${all.length - 3} more...` : shown || '<none>';
}

const endpoint = defineResource(endpoints, {
  storagePrefix: 'services/endpoints',
  columns: [nameColumn, column('Endpoints', endpointsText), ageColumn],
  strategy: {
    applyDefaults(object: Endpoints) {
      for (const { ports } of object.subsets ?? [])
        for (const port of ports ?? []) if (!port.protocol) port.protocol = 'TCP';
    },
  },
});

const MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const modesText = (modes: readonly string[] | undefined | null): string =>
  ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod']
    .filter((mode) => modes?.includes(mode))
    .map((mode) => MODES[mode])
    .join(',');

const claim = defineResource(persistentvolumeclaims, {
  columns: [
    nameColumn,
    column('Status', ({ metadata, status }: PersistentVolumeClaim) =>
      metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column('Volume', ({ spec }) => spec.volumeName ?? ''),
    column('Capacity', ({ spec, status }) => (spec.volumeName ? (status?.capacity?.['storage'] ?? '') : '')),
    column('Access Modes', ({ spec, status }) => (spec.volumeName ? modesText(status?.accessModes) : '')),
    column(
      'StorageClass',
      ({ spec, metadata }) =>
        metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? '',
    ),
    column('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName || '<unset>'),
    ageColumn,
    column('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>', wide),
  ],
  strategy: specAndStatus<PersistentVolumeClaim>({
    applyDefaults(object) {
      object.spec.volumeMode ??= 'Filesystem';
      object.status ??= {};
      if (!object.status.phase) object.status.phase = 'Pending';
    },
    prepareForCreate(object) {
      object.status = { phase: 'Pending' };
    },
    validateCreate({ spec }) {
      const faults: FieldError[] = [];
      if (!spec.accessModes?.length)
        faults.push(fieldRequired('spec.accessModes', 'at least 1 access mode is required'));
      if (!spec.resources?.requests?.['storage']) faults.push(fieldRequired('spec.resources[storage]'));
      return faults;
    },
  }),
});

const volume = defineResource(persistentvolumes, {
  columns: [
    nameColumn,
    column('Capacity', ({ spec }: PersistentVolume) => spec.capacity?.['storage'] ?? ''),
    column('Access Modes', ({ spec }) => modesText(spec.accessModes)),
    column('Reclaim Policy', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
    column('Status', ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''))),
    column('Claim', ({ spec }) => (spec.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : '')),
    column('StorageClass', ({ spec }) => spec.storageClassName ?? ''),
    column('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName || '<unset>'),
    column('Reason', ({ status }) => status?.reason ?? ''),
    ageColumn,
    column('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>', wide),
  ],
  strategy: specAndStatus<PersistentVolume>({
    applyDefaults(object) {
      const { spec } = object;
      object.status ??= {};
      if (!object.status.phase) object.status.phase = 'Pending';
      if (!spec.persistentVolumeReclaimPolicy) spec.persistentVolumeReclaimPolicy = 'Retain';
      spec.volumeMode ??= 'Filesystem';
      if (spec.hostPath) spec.hostPath.type ??= '';
    },
    prepareForCreate(object, { nowMs }) {
      object.status = { phase: 'Pending', lastPhaseTransitionTime: `${new Date(nowMs).toISOString().slice(0, 19)}Z` };
    },
    validateCreate({ spec }) {
      const faults: FieldError[] = [];
      if (!spec.capacity?.['storage']) faults.push(fieldRequired('spec.capacity'));
      if (!spec.accessModes?.length) faults.push(fieldRequired('spec.accessModes'));
      return faults;
    },
  }),
});

const event = defineResource(events, {
  leaseSeconds: 3660,
  allowCreateOnUpdate: true,
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }: Event) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent, source }) => reportingComponent || source?.component || '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
  columns: [
    column('Last Seen', (object, { nowMs }) => lastSeen(object, nowMs)),
    column('Type', ({ type }) => type ?? ''),
    column('Reason', ({ reason }) => reason ?? ''),
    column(
      'Object',
      ({ involvedObject }) => `${(involvedObject?.kind ?? '').toLowerCase()}/${involvedObject?.name ?? ''}`,
    ),
    column('Subobject', ({ involvedObject }) => involvedObject?.fieldPath ?? '', wide),
    column(
      'Source',
      ({ source, reportingComponent, reportingInstance }) => {
        const component = source?.component || reportingComponent || '';
        const host = source?.host || reportingInstance || '';
        return host ? `${component}, ${host}` : component;
      },
      wide,
    ),
    column('Message', ({ message }) => (message ?? '').trim()),
    column('First Seen', ({ firstTimestamp, eventTime }, { nowMs }) => ageOf(firstTimestamp || eventTime, nowMs), wide),
    column('Count', ({ count, series }) => String(series?.count ?? (count || 1)), wide),
    column('Name', ({ metadata }) => metadata.name ?? '', wide),
  ],
});

function lastSeen({ firstTimestamp, lastTimestamp, eventTime, series }: Event, nowMs: number): string {
  return ageOf(series?.lastObservedTime || lastTimestamp || firstTimestamp || eventTime, nowMs);
}

const limitRange = defineResource(limitranges, {
  columns: [nameColumn, column('Created At', ({ metadata }) => metadata.creationTimestamp ?? '', { type: 'date' })],
  strategy: {
    applyDefaults(object: LimitRange) {
      for (const item of object.spec.limits ?? []) {
        if (item.type !== 'Container') continue;
        item.default = { ...item.max, ...item.default };
        item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
        if (Object.keys(item.default).length === 0) item.default = undefined;
        if (Object.keys(item.defaultRequest).length === 0) item.defaultRequest = undefined;
      }
    },
  },
});

const quotaText = (
  used: Readonly<Record<string, string>> | undefined,
  hard: Readonly<Record<string, string>> | undefined,
  limits: boolean,
): string =>
  Object.keys(hard ?? {})
    .filter((name) => name.startsWith('limits.') === limits)
    .sort()
    .map((name) => `${name}: ${used?.[name] ?? '0'}/${hard?.[name]}`)
    .join(', ');

const resourceQuota = defineResource(resourcequotas, {
  columns: [
    nameColumn,
    column('Request', ({ status }: ResourceQuota) => quotaText(status?.used, status?.hard, false)),
    column('Limit', ({ status }) => quotaText(status?.used, status?.hard, true)),
    ageColumn,
  ],
  strategy: specAndStatus<ResourceQuota>(),
});

const podTemplate = defineResource(podtemplates, {
  columns: [
    nameColumn,
    column('Containers', ({ template }: PodTemplate) =>
      listText((template?.spec?.containers ?? []).map(({ name }) => name ?? '')),
    ),
    column('Images', ({ template }) => listText((template?.spec?.containers ?? []).map(({ image }) => image ?? ''))),
    column('Pod Labels', ({ template }) => labelsText(template?.metadata?.labels)),
  ],
  strategy: { applyDefaults: ({ template }: PodTemplate) => defaultPodTemplate(template) },
});

const replicationController = defineResource(replicationcontrollers, {
  storagePrefix: 'controllers',
  generation: 'spec',
  defaultPropagation: 'Orphan',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  selectableFields: { 'status.replicas': ({ status }: ReplicationController) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    column('Desired', ({ spec }) => spec.replicas ?? 0, { type: 'integer' }),
    column('Current', ({ status }) => status?.replicas ?? 0, { type: 'integer' }),
    column('Ready', ({ status }) => status?.readyReplicas ?? 0, { type: 'integer' }),
    ageColumn,
    column(
      'Containers',
      ({ spec }) => listText((spec.template?.spec?.containers ?? []).map(({ name }) => name ?? '')),
      wide,
    ),
    column(
      'Images',
      ({ spec }) => listText((spec.template?.spec?.containers ?? []).map(({ image }) => image ?? '')),
      wide,
    ),
    column('Selector', ({ spec }) => labelsText(spec.selector), wide),
  ],
  strategy: specAndStatus<ReplicationController>({
    applyDefaults(object) {
      const labels = object.spec.template?.metadata?.labels;
      if (labels && Object.keys(object.spec.selector ?? {}).length === 0) object.spec.selector = { ...labels };
      if (labels && Object.keys(object.metadata.labels ?? {}).length === 0) object.metadata.labels = { ...labels };
      object.spec.replicas ??= 1;
      defaultPodTemplate(object.spec.template);
    },
  }),
});

export const smallKinds = [
  defineResource(bindings),
  configMap,
  endpoint,
  event,
  limitRange,
  namespace,
  node,
  claim,
  volume,
  podTemplate,
  replicationController,
  resourceQuota,
  secret,
  serviceAccount,
];
