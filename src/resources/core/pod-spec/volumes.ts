import type { EphemeralVolumeSource, Volume } from '../../../generated/api/core/v1.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkCsiDriverName, checkDnsLabel, objectNameFaults } from '../../checks/names.ts';
import { checkClaimTemplate } from '../persistent-volume-claim/claim-spec.ts';
import { checkIscsi, TOO_LONG } from './iscsi.ts';
import { checkDescendingPath, checkFileMode } from './paths.ts';
import type { PodSpecOptions } from './pod-spec-options.ts';
import { checkDownwardFile, checkKeyToPath, checkProjected } from './projected-volume.ts';
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
} from './volume-sources.ts';

/** Source of all: core/validation (ValidateVolumes, validateVolumeSource). */

interface SourceRule {
  /** Field of the volume. */
  readonly name: string;
  /** How upstream calls it in a fault inside; default: the name. */
  readonly inside?: string;
  /** How upstream calls it where it is one too many; default: the name. */
  readonly extra?: string;
  check(source: never, path: string, faults: FieldFaults, options: PodSpecOptions): void;
}

const required =
  (...names: string[]): SourceRule['check'] =>
  (source, path, faults) =>
    checkRequired(source, names, path, faults);

/** In upstream's order, which decides which one of two is the extra one. */
const rules: readonly SourceRule[] = [
  { name: 'hostPath', check: checkHostPath },
  {
    name: 'gitRepo',
    check(source: { repository?: string; directory?: string }, path, faults) {
      checkRequired(source, ['repository'], path, faults);
      checkDescendingPath(source.directory ?? '', `${path}.directory`, faults);
    },
  },
  { name: 'gcePersistentDisk', inside: 'persistentDisk', check: checkPartitioned('pdName') },
  { name: 'awsElasticBlockStore', check: checkPartitioned('volumeID') },
  {
    name: 'secret',
    check(source: NonNullable<Volume['secret']>, path, faults) {
      checkRequired(source, ['secretName'], path, faults);
      checkFileMode(source.defaultMode, `${path}.defaultMode`, faults);
      source.items?.forEach((item, index) => {
        checkKeyToPath(item, `${path}.items[${index}]`, faults);
      });
    },
  },
  { name: 'nfs', check: checkNfs },
  { name: 'iscsi', check: checkIscsi },
  { name: 'glusterfs', check: required('endpoints', 'path') },
  { name: 'flocker', check: checkFlocker },
  { name: 'persistentVolumeClaim', check: required('claimName') },
  { name: 'rbd', check: required('monitors', 'image') },
  { name: 'cinder', check: checkCinder(['name']) },
  { name: 'cephfs', extra: 'cephFS', check: required('monitors') },
  { name: 'quobyte', check: checkQuobyte },
  {
    name: 'downwardAPI',
    extra: 'downwarAPI',
    check(source: NonNullable<Volume['downwardAPI']>, path, faults) {
      checkFileMode(source.defaultMode, `${path}.defaultMode`, faults);
      for (const file of source.items ?? []) checkDownwardFile(file, path, faults);
    },
  },
  { name: 'fc', check: checkFc },
  { name: 'flexVolume', check: checkFlexVolume },
  {
    name: 'configMap',
    check(source: NonNullable<Volume['configMap']>, path, faults) {
      checkRequired(source, ['name'], path, faults);
      checkFileMode(source.defaultMode, `${path}.defaultMode`, faults);
      source.items?.forEach((item, index) => {
        checkKeyToPath(item, `${path}.items[${index}]`, faults);
      });
    },
  },
  { name: 'azureFile', check: required('secretName', 'shareName') },
  { name: 'vsphereVolume', check: required('volumePath') },
  { name: 'photonPersistentDisk', check: required('pdID') },
  { name: 'portworxVolume', check: required('volumeID') },
  { name: 'azureDisk', check: checkAzureDisk },
  { name: 'storageos', check: checkStorageOs(['name']) },
  { name: 'projected', check: checkProjected },
  { name: 'scaleIO', check: required('gateway', 'system', 'volumeName') },
  {
    name: 'csi',
    check({ driver, nodePublishSecretRef }: NonNullable<Volume['csi']>, path, faults) {
      checkCsiDriverName(`${path}.driver`, driver, faults);
      if (!nodePublishSecretRef) return;
      if (!nodePublishSecretRef.name) faults.required(`${path}.nodePublishSecretRef.name`);
      else faults.invalidFor(`${path}.name`, nodePublishSecretRef.name, objectNameFaults(nodePublishSecretRef.name));
    },
  },
  {
    name: 'ephemeral',
    check({ volumeClaimTemplate: template }: EphemeralVolumeSource, path, faults) {
      if (!template) faults.required(`${path}.volumeClaimTemplate`);
      else checkClaimTemplate(template, `${path}.volumeClaimTemplate`, faults);
    },
  },
  {
    name: 'image',
    check({ reference, pullPolicy }: NonNullable<Volume['image']>, path, faults, { isPod }) {
      if (isPod && !reference) faults.required(`${path}.reference`);
      faults.oneOf(`${path}.pullPolicy`, pullPolicy, ['Always', 'IfNotPresent', 'Never']);
    },
  },
];

/** Checks the volumes of a pod; those without faults are returned by name. */
export function checkVolumes(
  volumes: readonly Volume[] | undefined,
  path: string,
  faults: FieldFaults,
  options: PodSpecOptions,
): ReadonlyMap<string, Volume> {
  const sound = new Map<string, Volume>();
  const { podName = '' } = options;
  const created = new Set<string>();
  if (podName !== '') for (const { ephemeral, name } of volumes ?? []) if (ephemeral) created.add(`${podName}-${name}`);
  volumes?.forEach((volume, index) => {
    const at = `${path}[${index}]`;
    const before = faults.count;
    checkSources(volume, at, faults, options);
    const name = volume.name ?? '';
    if (name === '') faults.required(`${at}.name`);
    else checkDnsLabel(`${at}.name`, name, faults);
    if (sound.has(name)) faults.duplicate(`${at}.name`, name);
    if (faults.count === before) sound.set(name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && created.has(claim)) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume';
      faults.invalid(`${at}.persistentVolumeClaim.claimName`, claim, why);
    }
  });
  return sound;
}

function checkSources(volume: Volume, path: string, faults: FieldFaults, options: PodSpecOptions): void {
  let found = 0;
  if (volume.emptyDir) {
    found++;
    const { sizeLimit } = volume.emptyDir;
    if (sizeLimit !== undefined && parseQuantity(sizeLimit).nano < 0n)
      faults.forbidden(`${path}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity');
  }
  for (const rule of rules) {
    const source = volume[rule.name as keyof Volume];
    if (!source) continue;
    if (found > 0) faults.forbidden(`${path}.${rule.extra ?? rule.name}`, 'may not specify more than 1 volume type');
    else {
      found++;
      rule.check(source as never, `${path}.${rule.inside ?? rule.name}`, faults, options);
      if (rule.name === 'ephemeral') checkClaimName(volume, path, faults, options);
    }
    if (rule.name !== 'iscsi' || volume.iscsi?.initiatorName === undefined) continue;
    if (`${volume.name}:${volume.iscsi.targetPortal}`.length > 64)
      faults.invalid(`${path}.name`, volume.name, TOO_LONG);
  }
  if (found === 0) faults.required(path, 'must specify a volume type');
}

/** The claim that will be made for an ephemeral volume needs a good name too. */
function checkClaimName({ name }: Volume, path: string, faults: FieldFaults, { podName }: PodSpecOptions): void {
  if (!podName || !name) return;
  const claim = `${podName}-${name}`;
  for (const fault of objectNameFaults(claim))
    faults.invalid(`${path}.name`, name, `PVC name ${JSON.stringify(claim)}: ${fault}`);
}
