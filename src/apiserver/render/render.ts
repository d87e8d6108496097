import type { Negotiated, Offers } from '../../machinery/codecs/negotiate.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Answer, BytesAnswer, Call, ListAnswer, ObjectAnswer, WatchAnswer, WireAnswer } from '../call.ts';
import type { WatchMetrics } from '../metrics/watch-metrics.ts';
import { negotiateAnswer } from '../verbs/media.ts';
import { contentTypes, encodeObject } from './encode.ts';
import { encodeList } from './encode-list.ts';
import { type Shape, shapeObject } from './shapes.ts';
import { watchStream } from './watch-stream.ts';

/**
 * Turns an answer into bytes, in the form that the client asked for.
 * @param watches - Counts the events of watches. Default: nobody counts.
 */
export function render(call: Call, answer: Answer, watches?: WatchMetrics): WireAnswer {
  switch (answer.kind) {
    case 'object':
      return renderObject(call, answer);
    case 'list':
      return renderList(call, answer);
    case 'watch':
      return renderWatch(call, answer, watches);
    default:
      return answer;
  }
}

function renderObject(call: Call, { item, status, table, headers }: ObjectAnswer): BytesAnswer {
  const form = formOf(call, {
    protobuf: table === undefined || table.definition.origin === 'builtin',
    transforms: table !== undefined,
    tables: table?.tables,
  });
  const contentType = contentTypes[form.mediaType];
  if (table === undefined || form.as === undefined) {
    return { kind: 'bytes', status, contentType, headers, body: encodeObject(item, form) };
  }
  const { definition } = table;
  if (form.as === 'PartialObjectMetadataList') {
    throw unfit(`you requested ${form.as}, but the requested object is not a list (${goType(definition)})`);
  }
  const shape: Shape = { form, definition, nowMs: call.startedMs, includeObject: includeObjectOf(call, form) };
  const body = encodeObject({ object: shapeObject(item.object, shape) }, form);
  return { kind: 'bytes', status, contentType, headers, body };
}

function renderList(call: Call, { list, status, table, headers }: ListAnswer): BytesAnswer {
  const definition = table?.definition;
  const form = formOf(call, { protobuf: definition?.origin !== 'custom', transforms: definition !== undefined });
  if (form.as === 'PartialObjectMetadata' && definition !== undefined) {
    throw unfit(`you requested ${form.as}, but the requested object is a list (${goType(definition, 'List')})`);
  }
  const body = encodeList(list, definition, form, { call, includeObject: includeObjectOf(call, form) });
  return { kind: 'bytes', status, contentType: contentTypes[form.mediaType], headers, body };
}

function renderWatch(call: Call, answer: WatchAnswer, watches: WatchMetrics | undefined): WireAnswer {
  const definition = answer.table?.definition;
  const form = formOf(call, { protobuf: definition?.origin !== 'custom', transforms: definition !== undefined });
  const count = watches?.counterFor(call);
  return watchStream(call, answer, form, { includeObject: includeObjectOf(call, form), count });
}

function unfit(message: string): StatusError {
  return new StatusError({ code: 406, reason: 'NotAcceptable', message });
}

/** The name of a Go type, which upstream shows. */
function goType({ origin, group, kind }: ResourceDefinition, suffix = ''): string {
  if (origin === 'custom') return `*unstructured.Unstructured${suffix}`;
  return `*${group === '' ? 'core' : group.split('.')[0]}.${kind}${suffix}`;
}

/** A fault is told in indented JSON where the client takes nothing that there is. Source: `responsewriters/writers.go`. */
function formOf(call: Call, options: Offers): Negotiated {
  const pretty = isPretty(call);
  try {
    const form = negotiateAnswer(call, options);
    return { ...form, pretty: form.pretty || pretty };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { mediaType: 'application/json', stream: false, pretty: true };
  }
}

/** Browsers and tools like curl get indented text unless they say otherwise. Source: apiserver `negotiation/negotiate.go`. */
export function isPretty(call: Call): boolean {
  const value = call.query.get('pretty');
  if (value) return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(call.header('user-agent') ?? '');
}

function includeObjectOf(call: Call, form: Negotiated): 'None' | 'Metadata' | 'Object' {
  const value = call.query.get('includeObject');
  if (value === null || value === '' || form.as !== 'Table') return 'Metadata';
  if (value === 'None' || value === 'Object' || value === 'Metadata') return value;
  const why = `Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequest(`Unable to convert to Table as requested: includeObject: ${why}`);
}
