import type { ServiceAccount } from '../../../generated/api/core/v1.ts';
import { serviceaccounts } from '../../../generated/resource-types.ts';
import { defineResource } from '../../define.ts';

const ENFORCE = 'kubernetes.io/enforce-mountable-secrets';
const TEXT = `metadata.annotations[${ENFORCE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`;

const warn = ({ metadata }: ServiceAccount): string[] => (metadata.annotations?.[ENFORCE] === undefined ? [] : [TEXT]);

/** References to Secrets keep their name only. */
function cleanSecrets(account: ServiceAccount): void {
  account.secrets = account.secrets?.map(({ name }) => ({ name }));
}

/** Source: pkg/registry/core/serviceaccount/strategy.go. */
export const serviceAccountResource = defineResource(serviceaccounts, {
  strategy: {
    prepareForCreate: cleanSecrets,
    prepareForUpdate: cleanSecrets,
    warningsOnCreate: warn,
    warningsOnUpdate: (next, previous) => (warn(previous).length > 0 ? [] : warn(next)),
  },
});
