import type { Secret } from '../../../generated/api/core/v1.ts';
import { secrets } from '../../../generated/resource-types.ts';
import { defineResource } from '../../define.ts';
import { validateSecret, validateSecretUpdate } from './validation.ts';
import { secretWarnings } from './warnings.ts';

/** Source: pkg/apis/core/v1/defaults.go, conversion.go (Convert_v1_Secret_To_core_Secret). */
function applyDefaults(secret: Secret): void {
  if (!secret.type) secret.type = 'Opaque';
  const { stringData } = secret;
  if (!stringData) return;
  const data: Record<string, string> = { ...secret.data };
  for (const key in stringData) data[key] = Buffer.from(stringData[key] ?? '').toString('base64');
  secret.data = data;
  secret.stringData = undefined;
}

export const secretResource = defineResource(secrets, {
  cells: { Type: ({ type }) => type ?? '', Data: ({ data }) => Object.keys(data ?? {}).length },
  selectableFields: { type: ({ type }) => type ?? '' },
  strategy: {
    applyDefaults,
    validateCreate: validateSecret,
    validateUpdate: validateSecretUpdate,
    warningsOnCreate: secretWarnings,
    warningsOnUpdate: secretWarnings,
  },
});
