import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toWire } from '../../machinery/schema/to-wire.ts';

/** Groups whose objects upstream stores as JSON. Source: `cmd/kube-apiserver/app` (apiextensions.go, aggregator.go). */
const storedAsJson = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io']);

/** The object as it comes back from storage. */
export function toStoredObject(object: AnyObject, definition: ResourceDefinition): AnyObject {
  const { origin, group, schema } = definition;
  if (origin === 'custom' || storedAsJson.has(group)) return toWireObject(object, definition);
  return toWire(object, schema, { asStored: true });
}

/**
 * The object as it is written: fields in order, empty ones dropped or in place as upstream has them. Custom objects keep
 * what they were given, nulls too; only their metadata is typed.
 */
export function toWireObject(object: AnyObject, { schema, origin }: ResourceDefinition): AnyObject {
  if (origin === 'builtin') return toWire(object, schema);
  const metadata = schema.fields.get('metadata')?.type;
  if (metadata?.shape !== 'object') return object;
  const { apiVersion, kind, ...rest } = object;
  return { apiVersion, kind, ...rest, metadata: toWire(object.metadata as AnyObject, metadata) } as AnyObject;
}
