import type { EnvFromSource, EnvVar, EnvVarSource } from '../../../generated/api/core/v1.ts';
import { configKeyFaults, envVarNameFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkDnsLabel, objectNameFaults } from '../../checks/names.ts';
import { checkFieldRef, checkResourceFieldRef, envFieldPaths } from './field-references.ts';
import { checkNoBacksteps } from './paths.ts';

/** Source of all: core/validation (ValidateEnv, ValidateEnvFrom). */

export function checkEnv(variables: readonly EnvVar[] | undefined, path: string, faults: FieldFaults): void {
  variables?.forEach(({ name, value, valueFrom }, index) => {
    const at = `${path}[${index}]`;
    if (!name) faults.required(`${at}.name`);
    else faults.invalidFor(`${at}.name`, name, envVarNameFaults(name));
    if (valueFrom) checkSource(valueFrom, value ?? '', `${at}.valueFrom`, faults);
  });
}

function checkSource(source: EnvVarSource, value: string, path: string, faults: FieldFaults): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef) checkFieldRef(fieldRef, envFieldPaths, `${path}.fieldRef`, faults);
  if (resourceFieldRef)
    checkResourceFieldRef(resourceFieldRef, { needsContainer: false }, `${path}.resourceFieldRef`, faults);
  if (configMapKeyRef) checkKeyRef(configMapKeyRef, `${path}.configMapKeyRef`, faults);
  if (secretKeyRef) checkKeyRef(secretKeyRef, `${path}.secretKeyRef`, faults);
  if (fileKeyRef) checkFileKeyRef(fileKeyRef, `${path}.fileKeyRef`, faults);
  const count = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(Boolean).length;
  if (count === 0) {
    const names = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    faults.invalid(path, '', `must specify one of: ${names}`);
  } else if (value !== '') faults.invalid(path, '', 'may not be specified when `value` is not empty');
  else if (count > 1) faults.invalid(path, '', 'may not have more than one field specified at a time');
}

function checkKeyRef(
  { name = '', key }: { name?: string | undefined; key?: string | undefined },
  path: string,
  faults: FieldFaults,
): void {
  faults.invalidFor(`${path}.name`, name, objectNameFaults(name));
  if (!key) faults.required(`${path}.key`);
  else faults.invalidFor(`${path}.key`, key, configKeyFaults(key));
}

function checkFileKeyRef(
  { key, volumeName, path: file }: NonNullable<EnvVarSource['fileKeyRef']>,
  path: string,
  faults: FieldFaults,
): void {
  if (!key) faults.required(`${path}.key`);
  else faults.invalidFor(`${path}.key`, key, envVarNameFaults(key));
  if (!volumeName) faults.required(`${path}.volumeName`);
  else checkDnsLabel(`${path}.volumeName`, volumeName, faults);
  if (!file) faults.required(`${path}.path`);
  else checkNoBacksteps(file, `${path}.path`, faults);
}

export function checkEnvFrom(sources: readonly EnvFromSource[] | undefined, path: string, faults: FieldFaults): void {
  sources?.forEach(({ prefix, configMapRef, secretRef }, index) => {
    const at = `${path}[${index}]`;
    if (prefix) faults.invalidFor(`${at}.prefix`, prefix, envVarNameFaults(prefix));
    if (configMapRef) checkNamed(configMapRef.name, `${at}.configMapRef`, faults);
    if (secretRef) checkNamed(secretRef.name, `${at}.secretRef`, faults);
    // Upstream names the list here, not its item.
    if (!configMapRef && !secretRef) faults.invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`');
    else if (configMapRef && secretRef)
      faults.invalid(path, '', 'may not have more than one field specified at a time');
  });
}

/** The name of a ConfigMap or Secret; as upstream, one that may still get a suffix. */
function checkNamed(name: string | undefined, path: string, faults: FieldFaults): void {
  if (!name) faults.required(`${path}.name`);
  else faults.invalidFor(`${path}.name`, name, objectNameFaults(name.replace(/-$/, 'a')));
}
