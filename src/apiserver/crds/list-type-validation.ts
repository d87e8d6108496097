import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldForbidden, fieldInvalid, fieldRequired } from '../../machinery/errors/field-error.ts';
import { ownOf } from '../../machinery/schema/json-values.ts';
import { schemaOf } from '../../machinery/schema/read-schema.ts';

/** Items of a set are single values to everybody. Source: apiextensions-apiserver `validation.go`. */
export function atomicSetFaults(schema: JSONSchemaProps, path: string): readonly FieldError[] {
  const items = schemaOf(schema.items);
  if (schema['x-kubernetes-list-type'] !== 'set' || items === undefined) return [];
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic') {
    return [fieldInvalid(`${path}.items.x-kubernetes-list-type`, listType, why)];
  }
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    // Upstream shows the type of the list here.
    return [fieldInvalid(`${path}.items.x-kubernetes-map-type`, listType ?? null, why)];
  }
  return [];
}

/** Items of sets and maps are there, and those of maps have their keys. Source: same file (validateMapListKeysMapSet). */
export function mapKeyFaults(schema: JSONSchemaProps, path: string): readonly FieldError[] {
  const items = schemaOf(schema.items);
  const listType = schema['x-kubernetes-list-type'];
  if (items === undefined || (listType !== 'set' && listType !== 'map')) return [];
  const faults: FieldError[] = [];
  if (items.nullable === true) {
    faults.push(
      fieldForbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    );
  }
  if (listType === 'set') return faults;
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    const property = ownOf(items.properties, key);
    if (property === undefined) continue;
    const place = `${path}.items.properties[${key}]`;
    if (!(items.required ?? []).includes(key) && property.default === undefined) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      faults.push(fieldRequired(`${place}.default`, why));
    }
    if (property.nullable === true) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable';
      faults.push(fieldForbidden(`${place}.nullable`, why));
    }
  }
  return faults;
}
