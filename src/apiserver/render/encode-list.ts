import type { Negotiated } from '../../machinery/codecs/negotiate.ts';
import { wrapUnknown } from '../../machinery/codecs/protobuf/envelope.ts';
import { encodeProtobuf } from '../../machinery/codecs/protobuf/message-codec.ts';
import { toPartialMetadata } from '../../machinery/codecs/table.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Call } from '../call.ts';
import type { ListPage, ServedItem } from '../pages.ts';
import { encodeObject, protobufTypeOf } from './encode.ts';
import { tableOf } from './shapes.ts';

interface ListContext {
  readonly call: Call;
  readonly includeObject: 'None' | 'Metadata' | 'Object';
}

/** A list in the form that was negotiated. In JSON, stored bytes are joined as they are. */
export function encodeList(
  list: ListPage,
  definition: ResourceDefinition | undefined,
  form: Negotiated,
  context: ListContext,
): Buffer | readonly Buffer[] {
  if (form.as !== undefined && definition !== undefined) {
    return encodeObject({ object: shapeList(list, definition, form, context) }, form);
  }
  const custom = definition?.origin === 'custom';
  if (form.mediaType === 'application/json' && !form.pretty) return joinJson(list, definition, { custom });
  const object = toListObject(list, { custom });
  if (form.mediaType !== 'application/vnd.kubernetes.protobuf') return encodeObject({ object }, form);
  const itemType = protobufTypeOf(list.apiVersion, list.kind.replace(/List$/, ''));
  return wrapUnknown(list.apiVersion, list.kind, encodeProtobuf(object, `${itemType}List`));
}

function shapeList(list: ListPage, definition: ResourceDefinition, form: Negotiated, context: ListContext): AnyObject {
  const version = form.version === 'v1beta1' ? 'v1beta1' : 'v1';
  const objects = list.items.map((item) => item.object);
  if (form.as === 'Table') {
    const { includeObject, call } = context;
    const { compareRows } = definition;
    return tableOf(
      compareRows === undefined ? objects : objects.toSorted(compareRows),
      { form, definition, nowMs: call.startedMs, includeObject },
      metadataOf(list, { custom: false }),
    );
  }
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: metadataOf(list, { custom: false }),
    // Go writes an empty list that was never made as null.
    items: objects.length === 0 ? null : objects.map((object) => toPartialMetadata(object, version)),
  } as unknown as AnyObject;
}

/** List metadata; custom resources always show `continue`. */
function metadataOf(list: ListPage, { custom }: { custom: boolean }): Record<string, unknown> {
  return {
    resourceVersion: list.resourceVersion,
    ...(list.continue ? { continue: list.continue } : custom ? { continue: '' } : {}),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  };
}

function toListObject(list: ListPage, options: { custom: boolean }): AnyObject {
  return {
    kind: list.kind,
    apiVersion: list.apiVersion,
    metadata: metadataOf(list, options),
    items: list.items.map(({ object }) => (options.custom ? object : withoutType(object))),
  } as unknown as AnyObject;
}

function withoutType({ kind: _kind, apiVersion: _apiVersion, ...rest }: AnyObject): unknown {
  return rest;
}

const COMMA = Buffer.from(',');
const OPEN = Buffer.from('{');
const END = Buffer.from(']}\n');

/** Items of built-in kinds stand in lists without `kind` and `apiVersion`, which are the same for all of them. */
function joinJson(
  list: ListPage,
  definition: ResourceDefinition | undefined,
  options: { custom: boolean },
): readonly Buffer[] {
  const { kind, apiVersion } = list;
  const metadata = JSON.stringify(metadataOf(list, options));
  const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${metadata},"items":[`;
  const buffers: Buffer[] = [Buffer.from(head)];
  const type = options.custom || definition === undefined ? undefined : typeText(definition);
  for (const [index, item] of list.items.entries()) {
    if (index > 0) buffers.push(COMMA);
    if (type === undefined) buffers.push(item.json);
    else pushWithoutType(buffers, item, type);
  }
  buffers.push(END);
  return buffers;
}

function typeText(definition: ResourceDefinition): Buffer {
  const { kind } = definition;
  return Buffer.from(`{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(toApiVersion(definition))},`);
}

function pushWithoutType(buffers: Buffer[], { json, object }: ServedItem, type: Buffer): void {
  if (json.compare(type, 0, type.length, 0, type.length) === 0) {
    buffers.push(OPEN, json.subarray(type.length));
    return;
  }
  buffers.push(Buffer.from(JSON.stringify(withoutType(object))));
}
