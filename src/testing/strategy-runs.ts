import { type AnyObject, toApiVersion } from '../machinery/object/object.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { decodeObject } from '../machinery/schema/decode.ts';
import { toWire } from '../machinery/schema/to-wire.ts';

/** An object of a kind as its rules get it: read as from a client, with defaults. */
export function decoded(definition: ResourceDefinition, body: object): AnyObject {
  const given = { apiVersion: toApiVersion(definition), kind: definition.kind, metadata: { name: 'a' }, ...body };
  const { object } = decodeObject(given as unknown as AnyObject, definition.schema, { unknownFields: 'drop' });
  definition.strategy.applyDefaults?.(object);
  return object;
}

/** The object that a creation makes of a body, as clients see it. */
export function created(definition: ResourceDefinition, body: object): AnyObject {
  const object = decoded(definition, body);
  definition.strategy.prepareForCreate?.(object, { nowMs: 0, userName: 'jane' });
  return toWire(object, definition.schema) as AnyObject;
}

/** What a kind says against a body. */
export function createFaults(definition: ResourceDefinition, body: object): readonly string[] {
  const object = decoded(definition, body);
  definition.strategy.prepareForCreate?.(object, { nowMs: 0, userName: 'jane' });
  return (definition.strategy.validateCreate?.(object) ?? []).map(String);
}

/** What an update leaves of `next`, and what the kind says against it. */
export function updated(
  definition: ResourceDefinition,
  previous: object,
  next: object,
  part: 'Update' | 'StatusUpdate' = 'Update',
): { readonly object: AnyObject; readonly faults: readonly string[] } {
  const before = decoded(definition, previous);
  const object = decoded(definition, next);
  definition.strategy[`prepareFor${part}`]?.(object, before);
  const faults = (definition.strategy[`validate${part}`]?.(object, before) ?? []).map(String);
  return { object: toWire(object, definition.schema) as AnyObject, faults };
}
