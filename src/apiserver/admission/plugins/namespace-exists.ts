import { namespaces } from '../../../generated/resource-types.ts';
import { notFound } from '../../../machinery/errors/status-error.ts';
import type { ObjectReader } from '../../object-reader.ts';
import type { AdmissionPlugin } from '../admission.ts';

/** Refuses what is done in namespaces that do not exist. Off unless it is asked for. Source: `plugin/pkg/admission/namespace/exists`. */
export function namespaceExists({ reader }: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'NamespaceExists',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    async validate({ namespace, group, kind }) {
      if (namespace === '' || (group === '' && kind.kind === 'Namespace')) return;
      if ((await reader.get(namespaces, { name: namespace })) !== undefined) return;
      throw notFound({ group: '', resource: 'namespaces' }, namespace);
    },
  };
}
