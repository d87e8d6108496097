/**
 * OpenAPI 2.0 in the protobuf form that Go clients ask for.
 * Source: google/gnostic-models `openapiv2/OpenAPIv2.proto`.
 */

/** How one field of a JSON object is written: by a scalar's kind, a message's name or a special rule. */
type FieldKind =
  | 'string'
  | 'bool'
  | 'int'
  | 'double'
  | 'strings'
  | 'any'
  | 'anys'
  | 'type'
  | 'items'
  | 'additional'
  | 'responses'
  | 'paths'
  | 'parameters'
  | 'security'
  | { readonly message: MessageName }
  | { readonly messages: MessageName }
  | { readonly named: MessageName };

type MessageName =
  | 'document'
  | 'info'
  | 'pathItem'
  | 'operation'
  | 'schema'
  | 'response'
  | 'bodyParameter'
  | 'queryParameter'
  | 'pathParameter'
  | 'apiKey';
type Fields = Readonly<Record<string, readonly [number, FieldKind]>>;

/** Fields that parameters in the query and in the path share, from the number of `type` on. */
function parameterFields(type: number): Fields {
  return {
    required: [1, 'bool'],
    in: [2, 'string'],
    description: [3, 'string'],
    name: [4, 'string'],
    type: [type, 'string'],
    format: [type + 1, 'string'],
    default: [type + 4, 'any'],
    maximum: [type + 5, 'double'],
    minimum: [type + 7, 'double'],
    pattern: [type + 11, 'string'],
    uniqueItems: [type + 14, 'bool'],
    enum: [type + 15, 'anys'],
  };
}

const messages: Readonly<Record<MessageName, { readonly fields: Fields; readonly extension?: number }>> = {
  document: {
    fields: {
      swagger: [1, 'string'],
      info: [2, { message: 'info' }],
      paths: [8, 'paths'],
      definitions: [9, { named: 'schema' }],
      security: [12, 'security'],
      securityDefinitions: [13, { named: 'apiKey' }],
    },
    extension: 16,
  },
  info: { fields: { title: [1, 'string'], version: [2, 'string'], description: [3, 'string'] } },
  pathItem: {
    fields: {
      get: [2, { message: 'operation' }],
      put: [3, { message: 'operation' }],
      post: [4, { message: 'operation' }],
      delete: [5, { message: 'operation' }],
      options: [6, { message: 'operation' }],
      head: [7, { message: 'operation' }],
      patch: [8, { message: 'operation' }],
      parameters: [9, 'parameters'],
    },
    extension: 10,
  },
  operation: {
    fields: {
      tags: [1, 'strings'],
      description: [3, 'string'],
      operationId: [5, 'string'],
      produces: [6, 'strings'],
      consumes: [7, 'strings'],
      parameters: [8, 'parameters'],
      responses: [9, 'responses'],
      schemes: [10, 'strings'],
    },
    extension: 13,
  },
  response: { fields: { description: [1, 'string'] } },
  schema: {
    fields: {
      $ref: [1, 'string'],
      format: [2, 'string'],
      title: [3, 'string'],
      description: [4, 'string'],
      default: [5, 'any'],
      multipleOf: [6, 'double'],
      maximum: [7, 'double'],
      exclusiveMaximum: [8, 'bool'],
      minimum: [9, 'double'],
      exclusiveMinimum: [10, 'bool'],
      maxLength: [11, 'int'],
      minLength: [12, 'int'],
      pattern: [13, 'string'],
      maxItems: [14, 'int'],
      minItems: [15, 'int'],
      uniqueItems: [16, 'bool'],
      maxProperties: [17, 'int'],
      minProperties: [18, 'int'],
      required: [19, 'strings'],
      enum: [20, 'anys'],
      additionalProperties: [21, 'additional'],
      type: [22, 'type'],
      items: [23, 'items'],
      allOf: [24, { messages: 'schema' }],
      properties: [25, { named: 'schema' }],
      example: [30, 'any'],
    },
    extension: 31,
  },
  bodyParameter: {
    fields: {
      description: [1, 'string'],
      name: [2, 'string'],
      in: [3, 'string'],
      required: [4, 'bool'],
      schema: [5, { message: 'schema' }],
    },
    extension: 6,
  },
  queryParameter: { fields: parameterFields(6), extension: 23 },
  pathParameter: { fields: parameterFields(5), extension: 22 },
  apiKey: { fields: { type: [1, 'string'], name: [2, 'string'], in: [3, 'string'], description: [4, 'string'] } },
};

type Json = Readonly<Record<string, unknown>>;

/** Writes a document that `toV2` made. */
export function encodeV2(document: Json): Buffer {
  return encodeMessage('document', document);
}

function encodeMessage(name: MessageName, value: Json): Buffer {
  const { fields, extension } = messages[name];
  const parts: Buffer[] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const field = fields[key];
    if (field !== undefined) parts.push(...encodeField(field[0], field[1], item));
    else if (extension !== undefined && key.startsWith('x-')) parts.push(delimited(extension, namedAny(key, item)));
  }
  return Buffer.concat(parts);
}

function encodeField(number: number, kind: FieldKind, value: unknown): readonly Buffer[] {
  if (typeof kind === 'object') return encodeNested(number, kind, value);
  switch (kind) {
    case 'string':
      return [delimited(number, text(value))];
    case 'bool':
      return value === true ? [tag(number, 0), varint(1)] : [];
    case 'int':
      return [tag(number, 0), varint(Number(value))];
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(Number(value));
      return [tag(number, 1), bytes];
    }
    case 'strings':
      return (value as readonly unknown[]).map((each) => delimited(number, text(each)));
    case 'any':
      return [delimited(number, any(value))];
    case 'anys':
      return (value as readonly unknown[]).map((each) => delimited(number, any(each)));
    case 'type':
      return [delimited(number, Buffer.concat([value].flat().map((each) => delimited(1, text(each)))))];
    case 'items':
      return [
        delimited(
          number,
          Buffer.concat([value].flat().map((each) => delimited(1, encodeMessage('schema', each as Json)))),
        ),
      ];
    case 'additional':
      return [delimited(number, encodeAdditional(value))];
    case 'responses':
      return [delimited(number, Buffer.concat(Object.entries(value as Json).map(encodeResponse)))];
    case 'paths':
      return [
        delimited(
          number,
          Buffer.concat(
            Object.entries(value as Json).map(([name, item]) =>
              delimited(2, named(name, encodeMessage('pathItem', item as Json))),
            ),
          ),
        ),
      ];
    case 'parameters':
      return (value as readonly Json[]).map((each) => delimited(number, encodeParameter(each)));
    case 'security':
      return (value as readonly Json[]).map((each) =>
        delimited(number, Buffer.concat(Object.keys(each).map((name) => delimited(1, named(name, Buffer.alloc(0)))))),
      );
    default:
      return kind satisfies never;
  }
}

function encodeNested(number: number, kind: Exclude<FieldKind, string>, value: unknown): readonly Buffer[] {
  if ('message' in kind) return [delimited(number, encodeMessage(kind.message, value as Json))];
  if ('messages' in kind) {
    return (value as readonly Json[]).map((each) => delimited(number, encodeMessage(kind.messages, each)));
  }
  const entries = Object.entries(value as Json).map(([name, item]) => {
    const body = encodeMessage(kind.named, item as Json);
    // Security definitions are one of several messages; ours are API keys.
    return delimited(1, named(name, kind.named === 'apiKey' ? delimited(2, body) : body));
  });
  return [delimited(number, Buffer.concat(entries))];
}

function encodeAdditional(value: unknown): Buffer {
  if (typeof value === 'boolean') return value ? Buffer.concat([tag(2, 0), varint(1)]) : Buffer.alloc(0);
  return delimited(1, encodeMessage('schema', value as Json));
}

function encodeResponse([code, value]: [string, unknown]): Buffer {
  const { schema, ...rest } = value as Json;
  const body = [encodeMessage('response', rest)];
  if (schema !== undefined) body.push(delimited(2, delimited(1, encodeMessage('schema', schema as Json))));
  return delimited(1, named(code, delimited(1, Buffer.concat(body))));
}

/** A parameter is wrapped once for each choice that its message leaves. */
function encodeParameter(value: Json): Buffer {
  const place = value['in'];
  if (place === 'body') return delimited(1, delimited(1, encodeMessage('bodyParameter', value)));
  const [choice, message] = place === 'path' ? ([4, 'pathParameter'] as const) : ([3, 'queryParameter'] as const);
  return delimited(1, delimited(2, delimited(choice, encodeMessage(message, value))));
}

function named(name: string, value: Buffer): Buffer {
  return Buffer.concat([delimited(1, text(name)), delimited(2, value)]);
}

function namedAny(name: string, value: unknown): Buffer {
  return named(name, any(value));
}

/** A free value as YAML, of which JSON is a part. */
function any(value: unknown): Buffer {
  return delimited(2, text(`${JSON.stringify(value)}\n`));
}

function text(value: unknown): Buffer {
  return Buffer.from(String(value), 'utf8');
}

function delimited(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([tag(number, 2), varint(bytes.length), bytes]);
}

function tag(number: number, wireType: number): Buffer {
  return varint(number * 8 + wireType);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = Math.max(0, Math.trunc(value));
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}
