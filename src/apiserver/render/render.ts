import type { Negotiated } from '../../machinery/codecs/negotiate.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { Answer, BytesAnswer, Call, ListAnswer, ObjectAnswer, WatchAnswer, WireAnswer } from '../call.ts';
import { negotiateAnswer } from '../verbs/media.ts';
import { contentTypes, encodeObject } from './encode.ts';
import { encodeList } from './encode-list.ts';
import { type Shape, shapeObject } from './shapes.ts';
import { watchStream } from './watch-stream.ts';

/** Turns an answer into bytes, in the form that the client asked for. */
export function render(call: Call, answer: Answer): WireAnswer {
  switch (answer.kind) {
    case 'object':
      return renderObject(call, answer);
    case 'list':
      return renderList(call, answer);
    case 'watch':
      return renderWatch(call, answer);
    default:
      return answer;
  }
}

function renderObject(call: Call, answer: ObjectAnswer): BytesAnswer {
  const { item, status, table } = answer;
  const form = formOf(call, {
    protobuf: table === undefined || table.definition.origin === 'builtin',
    transforms: table !== undefined,
  });
  const { headers } = answer;
  const contentType = contentTypes[form.mediaType];
  if (table === undefined || form.as === undefined) {
    return { kind: 'bytes', status, contentType, headers, body: encodeObject(item, form, call) };
  }
  const shape: Shape = {
    form,
    definition: table.definition,
    nowMs: call.startedMs,
    includeObject: includeObjectOf(call),
  };
  const shaped = shapeObject(item.object, shape);
  return {
    kind: 'bytes',
    status,
    contentType: withTransform(contentType, form),
    headers,
    body: encodeObject({ object: shaped }, form, call),
  };
}

function renderList(call: Call, answer: ListAnswer): BytesAnswer {
  const definition = answer.table?.definition;
  const form = formOf(call, { protobuf: definition?.origin !== 'custom', transforms: definition !== undefined });
  const contentType = withTransform(contentTypes[form.mediaType], form);
  const body = encodeList(answer.list, definition, form, { call, includeObject: includeObjectOf(call) });
  return {
    kind: 'bytes',
    status: answer.status,
    contentType,
    headers: answer.headers,
    body,
  };
}

function renderWatch(call: Call, answer: WatchAnswer): WireAnswer {
  const definition = answer.table?.definition;
  const form = formOf(call, { protobuf: definition?.origin !== 'custom', transforms: definition !== undefined });
  return watchStream(call, answer, form, { includeObject: includeObjectOf(call) });
}

/** A fault is told in JSON where the client takes nothing that there is. */
function formOf(call: Call, options: { protobuf: boolean; transforms: boolean }): Negotiated {
  const pretty = isPretty(call);
  try {
    const form = negotiateAnswer(call, options);
    return { ...form, pretty: form.pretty || pretty };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { mediaType: 'application/json', stream: false, pretty };
  }
}

/** Browsers and curl get indented text unless they say otherwise. Source: apiserver `negotiation/negotiate.go` (isPrettyPrint). */
function isPretty(call: Call): boolean {
  const value = call.query.get('pretty');
  if (value !== null) return value === '1' || value === 'true';
  return false;
}

function includeObjectOf(call: Call): 'None' | 'Metadata' | 'Object' {
  const value = call.query.get('includeObject');
  return value === 'None' || value === 'Object' ? value : 'Metadata';
}

function withTransform(contentType: string, form: Negotiated): string {
  if (form.as === undefined) return contentType;
  return `${contentType};as=${form.as};v=${form.version};g=${form.group}`;
}
