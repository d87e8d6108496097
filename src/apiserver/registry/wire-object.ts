import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toWire } from '../../machinery/schema/decode.ts';

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
