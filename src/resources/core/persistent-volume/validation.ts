import type { PersistentVolume, PersistentVolumeSpec } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { dns1123LabelFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { goDifference, toGoView } from '../../checks/go-view.ts';
import { checkCsiDriverName, checkDnsLabel, checkDnsSubdomain, objectNameFaults } from '../../checks/names.ts';
import { checkBasicAmount, checkPositiveAmount } from '../../checks/resource-names.ts';
import { isSameStruct } from '../../checks/same.ts';
import { checkAccessModes, VOLUME_MODES } from '../persistent-volume-claim/claim-spec.ts';
import { checkNodeSelector } from '../pod-spec/affinity.ts';
import { checkPersistentIscsi } from '../pod-spec/iscsi.ts';
import { checkNoBacksteps } from '../pod-spec/paths.ts';
import {
  checkAzureDisk,
  checkCinder,
  checkFc,
  checkFlexVolume,
  checkFlocker,
  checkHostPath,
  checkNfs,
  checkPartitioned,
  checkQuobyte,
  checkRequired,
  checkStorageOs,
} from '../pod-spec/volume-sources.ts';

/** Source of all: core/validation (ValidatePersistentVolume, …Update). */

export function validateVolume(volume: PersistentVolume): readonly FieldError[] {
  const faults = new FieldFaults();
  check(volume, faults);
  return faults.list;
}

function check(volume: PersistentVolume, faults: FieldFaults): void {
  checkVolumeSpec(volume.spec, volume.metadata.name ?? '', { isInline: false }, 'spec', faults);
  checkMountOptions(volume, faults);
}

type Check = (source: never, path: string, faults: FieldFaults, volumeName: string) => void;
interface SourceRule {
  readonly name: keyof PersistentVolumeSpec;
  readonly inside?: string;
  readonly extra?: string;
  readonly check: Check;
}

const required =
  (...names: string[]): Check =>
  (source, path, faults) =>
    checkRequired(source, names, path, faults);
const fullSecret = ['name', 'namespace'];

/** In upstream's order. */
const rules: readonly SourceRule[] = [
  { name: 'hostPath', check: checkHostPath },
  { name: 'gcePersistentDisk', inside: 'persistentDisk', check: checkPartitioned('pdName') },
  { name: 'awsElasticBlockStore', check: checkPartitioned('volumeID') },
  {
    name: 'glusterfs',
    check(source: NonNullable<PersistentVolumeSpec['glusterfs']>, path, faults) {
      checkRequired(source, ['endpoints', 'path'], path, faults);
      const { endpointsNamespace: namespace } = source;
      const at = `${path}.endpointsNamespace`;
      if (namespace === '') {
        const why = 'if the endpointnamespace is set, it must be a valid namespace name';
        faults.invalid(at, namespace, why);
      } else if (namespace !== undefined) faults.invalidFor(at, namespace, dns1123LabelFaults(namespace));
    },
  },
  { name: 'flocker', check: checkFlocker },
  { name: 'nfs', check: checkNfs },
  { name: 'rbd', check: required('monitors', 'image') },
  { name: 'quobyte', check: checkQuobyte },
  { name: 'cephfs', extra: 'cephFS', check: required('monitors') },
  { name: 'iscsi', check: (source, path, faults, name) => checkPersistentIscsi(source, name, path, faults) },
  { name: 'cinder', check: checkCinder(fullSecret) },
  { name: 'fc', check: checkFc },
  { name: 'flexVolume', check: checkFlexVolume },
  {
    name: 'azureFile',
    check(source: NonNullable<PersistentVolumeSpec['azureFile']>, path, faults) {
      checkRequired(source, ['secretName', 'shareName'], path, faults);
      if (source.secretNamespace === '') faults.required(`${path}.secretNamespace`);
    },
  },
  { name: 'vsphereVolume', check: required('volumePath') },
  { name: 'photonPersistentDisk', check: required('pdID') },
  { name: 'portworxVolume', check: required('volumeID') },
  { name: 'azureDisk', check: checkAzureDisk },
  { name: 'scaleIO', check: required('gateway', 'system', 'volumeName') },
  {
    name: 'local',
    check({ path: value }: NonNullable<PersistentVolumeSpec['local']>, path, faults) {
      if (!value) faults.required(`${path}.path`);
      else checkNoBacksteps(value, `${path}.path`, faults);
    },
  },
  { name: 'storageos', check: checkStorageOs(fullSecret) },
  { name: 'csi', check: checkCsi },
];

function checkCsi(source: NonNullable<PersistentVolumeSpec['csi']>, path: string, faults: FieldFaults): void {
  checkCsiDriverName(`${path}.driver`, source.driver, faults);
  if (!source.volumeHandle) faults.required(`${path}.volumeHandle`);
  for (const field of [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const) {
    const reference = source[field];
    if (!reference) continue;
    const at = `${path}.${field}`;
    if (!reference.name) faults.required(`${at}.name`);
    else checkDnsSubdomain(`${at}.name`, reference.name, faults);
    if (!reference.namespace) faults.required(`${at}.namespace`);
    else checkDnsLabel(`${at}.namespace`, reference.namespace, faults);
  }
}

const POLICIES = ['Delete', 'Recycle', 'Retain'];

/** @param options.isInline - The volume stands inside of another object: a CSI volume without a claim. */
export function checkVolumeSpec(
  spec: PersistentVolumeSpec,
  volumeName: string,
  options: { readonly isInline: boolean },
  path: string,
  faults: FieldFaults,
): void {
  const { isInline } = options;
  const inline = 'in the context of inline volumes';
  const notInline = `may not be specified ${inline}`;
  if (isInline) {
    if (spec.claimRef) faults.forbidden(`${path}.claimRef`, notInline);
    if (Object.keys(spec.capacity ?? {}).length > 0) faults.forbidden(`${path}.capacity`, notInline);
    if (!spec.csi) faults.required(`${path}.csi`, `has to be specified ${inline}`);
  }
  if ((spec.accessModes ?? []).length === 0) faults.required(`${path}.accessModes`);
  checkAccessModes(spec.accessModes, `${path}.accessModes`, faults);
  if (!isInline) checkCapacity(spec, path, faults);
  const { persistentVolumeReclaimPolicy: policy } = spec;
  if (policy) {
    const at = `${path}.persistentVolumeReclaimPolicy`;
    if (!isInline) faults.optionalOneOf(at, policy, POLICIES);
    else if (policy !== 'Retain') faults.forbidden(at, `may only be Retain ${inline}`);
  }
  if (spec.nodeAffinity && isInline) faults.forbidden(`${path}.nodeAffinity`, notInline);
  else if (spec.nodeAffinity) {
    const { required: wanted } = spec.nodeAffinity;
    const at = `${path}.nodeAffinity.required`;
    if (wanted) checkNodeSelector(wanted, at, faults);
    else faults.required(at, 'must specify required node constraints');
  }
  checkSources(spec, volumeName, path, faults);
  if (spec.hostPath && policy === 'Recycle' && isRoot(spec.hostPath.path ?? ''))
    faults.forbidden(`${path}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'");
  if (spec.storageClassName) {
    const at = `${path}.storageClassName`;
    if (isInline) faults.forbidden(at, notInline);
    else faults.invalidFor(at, spec.storageClassName, objectNameFaults(spec.storageClassName));
  }
  if (!isInline) faults.optionalOneOf(`${path}.volumeMode`, spec.volumeMode, VOLUME_MODES);
  else if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem')
    faults.forbidden(`${path}.volumeMode`, `may not specify volumeMode other than Filesystem ${inline}`);
  checkAttributesClass(spec, path, faults);
}

const isRoot = (path: string): boolean => /^\/+(\.\/*|\.\.\/*)*$/.test(path);

function checkCapacity(spec: PersistentVolumeSpec, path: string, faults: FieldFaults): void {
  const { capacity: shown = null } = spec;
  const capacity = shown ?? {};
  const names = Object.keys(capacity);
  const at = `${path}.capacity`;
  if (names.length === 0) faults.required(at);
  if (capacity['storage'] === undefined || names.length > 1) faults.notSupported(at, shown, ['storage']);
  for (const name of names) {
    checkBasicAmount(capacity[name] ?? '0', `${at}[${name}]`, faults);
    checkPositiveAmount(capacity[name] ?? '0', `${at}[${name}]`, faults);
  }
}

function checkSources(spec: PersistentVolumeSpec, volumeName: string, path: string, faults: FieldFaults): void {
  let found = 0;
  for (const rule of rules) {
    const source = spec[rule.name];
    if (!source) continue;
    // Upstream lets a flex volume stand beside another one.
    if (found > 0 && rule.name !== 'flexVolume') {
      faults.forbidden(`${path}.${rule.extra ?? rule.name}`, 'may not specify more than 1 volume type');
      continue;
    }
    found++;
    rule.check(source as never, `${path}.${rule.inside ?? rule.name}`, faults, volumeName);
    if (rule.name === 'local' && !spec.nodeAffinity)
      faults.required(`${path}.nodeAffinity`, 'Local volume requires node affinity');
  }
  if (found === 0) faults.required(path, 'must specify a volume type');
}

function checkAttributesClass(spec: PersistentVolumeSpec, path: string, faults: FieldFaults): void {
  const { volumeAttributesClassName: name } = spec;
  if (name === undefined) return;
  const at = `${path}.volumeAttributesClassName`;
  if (name === '') faults.required(at, 'an empty string is disallowed');
  else faults.invalidFor(at, name, objectNameFaults(name));
  if (!spec.csi) faults.required(`${path}.csi`, 'has to be specified when using volumeAttributesClassName');
}

const MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options';
const MOUNTABLE = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'azureFile',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
] as const;

/** Source: pkg/volume/validation/pv_validation.go. */
function checkMountOptions({ metadata, spec }: PersistentVolume, faults: FieldFaults): void {
  if (metadata.annotations?.[MOUNT_OPTIONS] === undefined || MOUNTABLE.some((name) => spec[name])) return;
  const why = 'may not specify mount options for this volume type';
  faults.forbidden(`metadata.annotations.${MOUNT_OPTIONS}`, why);
}

const notSources = new Set<string>([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

function sourceOf(spec: PersistentVolumeSpec): Record<string, unknown> {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !notSources.has(name)));
}

export function validateVolumeUpdate(next: PersistentVolume, previous: PersistentVolume): readonly FieldError[] {
  const faults = new FieldFaults();
  // Upstream judges the object as for creation twice; clients see both.
  check(next, faults);
  checkVolumeSpec(next.spec, next.metadata.name ?? '', { isInline: false }, 'spec', faults);
  const after = sourceOf(next.spec);
  if (next.spec.csi?.controllerExpandSecretRef && previous.spec.csi && !previous.spec.csi.controllerExpandSecretRef)
    after['csi'] = { ...next.spec.csi, controllerExpandSecretRef: undefined };
  const before = sourceOf(previous.spec);
  if (!isSameStruct(after, before, 'core/v1.PersistentVolumeSpec')) {
    const difference = goDifference(before, after, 'core/v1.PersistentVolumeSource');
    const why = `spec.persistentvolumesource is immutable after creation\n${difference}`;
    faults.forbidden('spec.persistentvolumesource', why);
  }
  if (next.spec.volumeMode !== previous.spec.volumeMode)
    faults.invalid('volumeMode', next.spec.volumeMode ?? null, 'field is immutable');
  if (
    previous.spec.nodeAffinity &&
    !isSameStruct(next.spec.nodeAffinity, withGaLabels(previous, next), 'core/v1.VolumeNodeAffinity')
  )
    faults.invalid(
      'nodeAffinity',
      next.spec.nodeAffinity ? toGoView(next.spec.nodeAffinity, 'core/v1.VolumeNodeAffinity') : null,
      'field is immutable, except for updating from beta label to GA',
    );
  if (previous.spec.volumeAttributesClassName !== undefined && next.spec.volumeAttributesClassName === undefined)
    faults.forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden');
  return faults.list;
}

const gaLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

/** The stored affinity, its old labels under their new names where the update uses these. */
function withGaLabels(previous: PersistentVolume, next: PersistentVolume): unknown {
  const terms = next.spec.nodeAffinity?.required?.nodeSelectorTerms;
  return {
    required: {
      nodeSelectorTerms: previous.spec.nodeAffinity?.required?.nodeSelectorTerms?.map((term, index) => ({
        ...term,
        matchExpressions: term.matchExpressions?.map((expression, position) => {
          const key = terms?.[index]?.matchExpressions?.[position]?.key;
          return key !== undefined && gaLabels[expression.key] === key ? { ...expression, key } : expression;
        }),
      })),
    },
  };
}
