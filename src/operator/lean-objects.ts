import type { Node, Pod } from '../generated/api/core/v1.ts';
import { nodes, pods } from '../generated/resource-types.ts';
import type { AnyObject, KubeObject, ResourceType } from '../machinery/object/object.ts';
import { FIELD_MANAGER } from './host.ts';
import { intrusionsOf } from './intrusions.ts';

/** The whole object once more, as `kubectl apply` left it. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * What the operator keeps of the host's objects in its memory. Who owns which field matters only where others have put
 * something into what is the operator's; a node lists its images and a pod its containers at length, of which the
 * operator reads a few lines.
 */
export function toLean(type: ResourceType, object: KubeObject): KubeObject {
  if (type.group === '' && type.plural === nodes.plural) return leanNode(object as Node);
  if (type.group === '' && type.plural === pods.plural) return leanPod(object as Pod);
  const { managedFields, annotations, ...metadata } = object.metadata;
  const { [LAST_APPLIED]: _applied, ...kept } = annotations ?? {};
  const isIntruded = intrusionsOf(type.kind, object as AnyObject, FIELD_MANAGER).length > 0;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(annotations === undefined ? {} : { annotations: kept }),
      ...(isIntruded ? { managedFields } : {}),
    },
  };
}

function leanNode({ metadata, status }: Node): Node {
  const { name, uid, resourceVersion, deletionTimestamp } = metadata;
  const { addresses, conditions } = status ?? {};
  return {
    metadata: { name, uid, resourceVersion, deletionTimestamp },
    spec: {},
    status: { addresses, conditions: conditions?.filter(({ type }) => type === 'Ready') },
  };
}

function leanPod({ metadata, spec, status }: Pod): Pod {
  const { namespace, name, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels } = metadata;
  const { phase, conditions, containerStatuses } = status ?? {};
  return {
    metadata: { namespace, name, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels },
    spec: { nodeName: spec.nodeName, containers: [] },
    status: { phase, conditions, containerStatuses },
  };
}
