import type { Binding, Pod } from '../../../generated/api/core/v1.ts';
import { nodes } from '../../../generated/resource-types.ts';
import type { KubeObject } from '../../../machinery/object/object.ts';
import type { ObjectReader } from '../../object-reader.ts';
import type { AdmissionPlugin } from '../admission.ts';

const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** Gives pods the zone and the region of their node as labels, when they are bound. Source: `plugin/pkg/admission/podtopologylabels`. */
export function podTopologyLabels(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    operations: ['CREATE'],
    async mutate(attempt) {
      if (attempt.group !== '' || attempt.resource !== 'pods' || attempt.object === undefined) return;
      const name = nodeNameOf(attempt.object, attempt.subresource);
      if (!name) return;
      const labels = (await deps.reader.get(nodes, { name }))?.metadata.labels ?? {};
      const found = copied.filter((key) => labels[key] !== undefined);
      if (found.length === 0) return;
      const { metadata } = attempt.object;
      metadata.labels = { ...metadata.labels, ...Object.fromEntries(found.map((key) => [key, labels[key] ?? ''])) };
    },
  };
}

function nodeNameOf(object: KubeObject, subresource: string): string | undefined {
  if (subresource === '') return (object as unknown as Pod).spec?.nodeName;
  if (subresource !== 'binding') return undefined;
  const { target } = object as unknown as Binding;
  return target?.kind === 'Node' ? target.name : undefined;
}
