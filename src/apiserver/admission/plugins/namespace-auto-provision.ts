import type { Client } from '../../../client/client.ts';
import { namespaces } from '../../../generated/resource-types.ts';
import { isAlreadyExists } from '../../../machinery/errors/status-error.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionPlugin, refused } from '../admission.ts';

export interface NamespaceAutoProvisionDeps {
  readonly reader: ObjectReader;
  readonly client: Client;
}

/**
 * Makes the namespaces that new objects are for. Off unless it is asked for.
 *
 * Source: `plugin/pkg/admission/namespace/autoprovision`.
 */
export function namespaceAutoProvision({ reader, client }: NamespaceAutoProvisionDeps): AdmissionPlugin {
  return {
    name: 'NamespaceAutoProvision',
    operations: ['CREATE'],
    async mutate(attempt) {
      const { namespace, group, kind, dryRun } = attempt;
      if (dryRun || namespace === '' || (group === '' && kind.kind === 'Namespace')) return;
      if ((await reader.get(namespaces, { name: namespace })) !== undefined) return;
      try {
        await client.create(namespaces, { metadata: { name: namespace }, spec: {} });
      } catch (error) {
        if (!isAlreadyExists(error)) throw refused(attempt, (error as Error).message);
      }
    },
  };
}
