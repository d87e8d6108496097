import type { Secret } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { configKeyFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { goJsonFault } from '../../checks/go-json.ts';
import { checkImmutable, MAX_DATA_BYTES } from '../config-map/validation.ts';

const ACCOUNT_NAME = 'kubernetes.io/service-account.name';

/** Source: core/validation (ValidateSecret). */
export function validateSecret(secret: Secret): readonly FieldError[] {
  const faults = new FieldFaults();
  check(secret, faults);
  return faults.list;
}

/** Source: core/validation (ValidateSecretUpdate). */
export function validateSecretUpdate(next: Secret, previous: Secret): readonly FieldError[] {
  const faults = new FieldFaults();
  if (next.type !== previous.type) faults.invalid('type', next.type ?? '', 'field is immutable');
  checkImmutable(next, previous, ['data'], faults);
  check(next, faults);
  return faults.list;
}

function check({ type, data = {}, metadata }: Secret, faults: FieldFaults): void {
  let bytes = 0;
  for (const key in data) {
    faults.invalidFor(`data[${key}]`, key, configKeyFaults(key));
    bytes += Buffer.byteLength(data[key] ?? '', 'base64');
  }
  if (bytes > MAX_DATA_BYTES) faults.tooLong('data', MAX_DATA_BYTES);
  const need = (key: string): void => {
    if (data[key] === undefined) faults.required(`data[${key}]`);
  };
  switch (type) {
    case 'kubernetes.io/service-account-token':
      if (!metadata.annotations?.[ACCOUNT_NAME]) faults.required(`metadata.annotations[${ACCOUNT_NAME}]`);
      break;
    case 'kubernetes.io/dockercfg':
      checkJson(data, '.dockercfg', faults);
      break;
    case 'kubernetes.io/dockerconfigjson':
      checkJson(data, '.dockerconfigjson', faults);
      break;
    case 'kubernetes.io/basic-auth':
      if (data['username'] !== undefined || data['password'] !== undefined) break;
      need('username');
      need('password');
      break;
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) faults.required('data[ssh-privatekey]');
      break;
    case 'kubernetes.io/tls':
      need('tls.crt');
      need('tls.key');
      break;
    default:
  }
}

function checkJson(data: Readonly<Record<string, string>>, key: string, faults: FieldFaults): void {
  const text = data[key];
  if (text === undefined) return faults.required(`data[${key}]`);
  const fault = goJsonFault(Buffer.from(text, 'base64').toString());
  if (fault !== undefined) faults.invalid(`data[${key}]`, '<secret contents redacted>', fault);
}
