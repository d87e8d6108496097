import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { escapeHtml } from '../../machinery/errors/field-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';
import { inKeyOrder } from '../../machinery/schema/key-order.ts';
import { toWire } from '../../machinery/schema/to-wire.ts';
import type { FieldSchema, ObjectShape, TypeSchema } from '../../machinery/schema/type-schema.ts';
import { internalFields } from './internal-types.ts';
import { unifiedDiff } from './unified-diff.ts';

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
  cel: 'CEL',
};

/** Fields that upstream's internal types do not have. */
const internalLacks = new Set(['rbac/v1.Subject.apiVersion']);

/**
 * A value as upstream's messages show it: internal Go structs have no JSON tags, so that every field is there, under its
 * Go name, with its zero value.
 */
export function toGoView(value: unknown, typeName: string): unknown {
  const name = typeName.startsWith('core/v1.') ? typeName.slice('core/v1.'.length) : '';
  return internalFields(name) === undefined ? viewOf(value, builtinShape(typeName)) : viewInternal(value, name);
}

/** How two values differ, as upstream shows it: line by line in the JSON of its internal types. */
export function goDifference(before: unknown, after: unknown, typeName: string): string {
  const [old, next] = [before, after].map((value) => escapeHtml(JSON.stringify(toGoView(value, typeName), null, 1)));
  return unifiedDiff(old ?? '', next ?? '');
}

/** A selector as messages show it: its type has JSON names, and leaves out what is empty. */
export function toSelectorView(selector: LabelSelector): unknown {
  return toWire(selector as unknown as AnyObject, builtinShape('meta/v1.LabelSelector'));
}

/** Fields of a pod's spec that upstream keeps with the security settings. */
const SECURITY_FIELDS = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'] as const;

/** A value of a type of the table of internal types, see there for the codes. */
function viewInternal(value: unknown, type: string): unknown {
  const isNone = value === undefined || value === null;
  if (type.startsWith('*')) return isNone ? null : viewInternal(value, type.slice(1));
  if (type.startsWith('[')) return Array.isArray(value) ? value.map((item) => viewInternal(item, type.slice(1))) : null;
  switch (type) {
    case 's':
      return value ?? '';
    case 'i':
      return value ?? 0;
    case 'b':
      return value ?? false;
    case 'q':
      return value ?? '0';
    case 'm':
      return isNone ? null : inKeyOrder(value as Record<string, unknown>);
    case 'M':
      return isNone ? null : toSelectorView(value as LabelSelector);
    default:
      return viewInternalStruct((value ?? {}) as Readonly<Record<string, unknown>>, type);
  }
}

function viewInternalStruct(given: Readonly<Record<string, unknown>>, type: string): Record<string, unknown> {
  const view: Record<string, unknown> = {};
  const fields = type === 'PodSpec' ? withSecurityFields(given) : given;
  for (const { name, key, type: inner } of internalFields(type) ?? []) {
    if (name === '') Object.assign(view, withoutEmpty(fields[key]));
    else view[name] = viewInternal(fields[key], inner);
  }
  return view;
}

function withSecurityFields(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const moved = Object.fromEntries(SECURITY_FIELDS.map((field) => [field, spec[field]]));
  return { ...spec, securityContext: { ...(spec['securityContext'] as object | undefined), ...moved } };
}

function withoutEmpty(metadata: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata ?? {}).filter(([, value]) => value !== undefined && value !== ''));
}

function viewOf(value: unknown, type: TypeSchema): unknown {
  switch (type.shape) {
    case 'object':
      if (!type.typeName?.startsWith('meta/')) return viewStruct(value, type);
      return value ? toWire(value as AnyObject, type) : null;
    case 'list':
      return Array.isArray(value) ? value.map((item) => viewOf(item, type.items)) : null;
    case 'map':
      return value ? inKeyOrder(value as Record<string, unknown>) : null;
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
