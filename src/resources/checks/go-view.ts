import { builtinShape } from '../../machinery/schema/builtin.ts';
import type { FieldSchema, ObjectShape, TypeSchema } from '../../machinery/schema/type-schema.ts';

/** Go names that are not the JSON name with a capital. */
const goNames: Readonly<Record<string, string>> = {
  apiGroup: 'APIGroup',
  apiVersion: 'APIVersion',
  apiGroups: 'APIGroups',
  seLinuxOptions: 'SELinuxOptions',
  seLinuxChangePolicy: 'SELinuxChangePolicy',
  ip: 'IP',
  ips: 'IPs',
  uid: 'UID',
  httpGet: 'HTTPGet',
  grpc: 'GRPC',
};

/** Fields that upstream's internal types do not have. */
const internalLacks = new Set(['rbac/v1.Subject.apiVersion']);

/**
 * A value as upstream's messages show it: internal Go structs have no JSON tags, so that every field is there, under its
 * Go name, with its zero value.
 */
export function toGoView(value: unknown, typeName: string): unknown {
  return viewOf(value, builtinShape(typeName));
}

function viewOf(value: unknown, type: TypeSchema): unknown {
  switch (type.shape) {
    case 'object':
      return type.typeName?.startsWith('meta/') ? (value ?? null) : viewStruct(value, type);
    case 'list':
      return Array.isArray(value) ? value.map((item) => viewOf(item, type.items)) : null;
    case 'map':
      return value ?? null;
    case 'scalar':
      return value ?? zeroOf(type.type);
    default:
      return value ?? null;
  }
}

function viewStruct(value: unknown, shape: ObjectShape): Record<string, unknown> {
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  const view: Record<string, unknown> = {};
  for (const [name, field] of shape.fields) {
    if (internalLacks.has(`${shape.typeName}.${name}`)) continue;
    view[goNames[name] ?? name.charAt(0).toUpperCase() + name.slice(1)] = viewField(fields[name], field);
  }
  return view;
}

function viewField(value: unknown, field: FieldSchema): unknown {
  if (value === undefined || value === null) return field.pointer ? null : viewOf(undefined, field.type);
  return viewOf(value, field.type);
}

function zeroOf(type: string): unknown {
  switch (type) {
    case 'boolean':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'int-or-string':
      return 0;
    case 'time':
    case 'micro-time':
    case 'bytes':
      return null;
    default:
      return type === 'quantity' ? '0' : '';
  }
}
