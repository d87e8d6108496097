import type { Negotiated } from '../../machinery/codecs/negotiate.ts';
import { encodeWatchEventFrame } from '../../machinery/codecs/protobuf/envelope.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { ObjectShape } from '../../machinery/schema/type-schema.ts';
import type { Call, StreamAnswer, StreamSink, WatchAnswer } from '../call.ts';
import type { ServedEvent } from '../pages.ts';
import { toProtobuf } from './encode.ts';
import { shapeObject } from './shapes.ts';

/** Bytes that may wait for a slow client before its watch ends; it then comes back and lists. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024;

interface StreamContext {
  /** Told of the size of each event. */
  readonly count?: ((bytes: number) => void) | undefined;
  readonly includeObject: 'None' | 'Metadata' | 'Object';
}

/** A watch as a stream: JSON lines, shared by all who watch the same, or protobuf frames. */
export function watchStream(call: Call, answer: WatchAnswer, form: Negotiated, context: StreamContext): StreamAnswer {
  const encode = encoderFor(call, answer.table?.definition, form, context);
  return {
    kind: 'stream',
    status: answer.status,
    contentType: contentTypeOf(form),
    start(sink, signal) {
      const writer = new WatchWriter(sink, () => answer.feed.close());
      signal.addEventListener('abort', () => writer.stop(), { once: true });
      if (signal.aborted) {
        writer.stop();
        return;
      }
      answer.feed.follow(
        (events) => {
          for (const event of events) {
            const line = encode(event);
            context.count?.(line.length);
            writer.write(line);
          }
        },
        () => writer.end(),
      );
    },
  };
}

function contentTypeOf(form: Negotiated): string {
  if (form.mediaType === 'application/vnd.kubernetes.protobuf') return `${form.mediaType};stream=watch`;
  return 'application/json';
}

type Encoder = (event: ServedEvent) => Buffer;

function encoderFor(
  call: Call,
  definition: ResourceDefinition | undefined,
  form: Negotiated,
  context: StreamContext,
): Encoder {
  if (form.as !== undefined && definition !== undefined) return shapedEncoder(call, definition, form, context);
  if (form.mediaType === 'application/vnd.kubernetes.protobuf') {
    return ({ type, item }) => encodeWatchEventFrame(type, toProtobuf(item));
  }
  return (event) => event.line();
}

/** Tables and partial metadata. Only the first table of a watch has column definitions. */
function shapedEncoder(call: Call, definition: ResourceDefinition, form: Negotiated, context: StreamContext): Encoder {
  let withoutHeader = false;
  return ({ type, item }) => {
    const { includeObject } = context;
    const object =
      type === 'ERROR'
        ? item.object
        : shapeObject(type === 'BOOKMARK' ? withStructs(item.object, definition) : item.object, {
            form,
            definition,
            nowMs: call.startedMs,
            includeObject,
            withoutHeader,
          });
    if (type !== 'ERROR') withoutHeader = true;
    if (form.mediaType === 'application/vnd.kubernetes.protobuf')
      return encodeWatchEventFrame(type, toProtobuf({ object }));
    return Buffer.from(`${JSON.stringify({ type, object })}\n`);
  };
}

/** What marks a place in a watch has metadata alone. In Go the structs of its kind are there all the same, and empty. */
function withStructs(bookmark: AnyObject, { origin, schema }: ResourceDefinition): AnyObject {
  return origin === 'custom' ? bookmark : { ...emptyStructs(schema), ...bookmark };
}

function emptyStructs({ fields }: ObjectShape): Record<string, unknown> {
  const structs: Record<string, unknown> = {};
  for (const [name, { type, pointer }] of fields) {
    if (type.shape === 'object' && pointer === false) structs[name] = emptyStructs(type);
  }
  return structs;
}

/** Writes as fast as the client takes, and keeps what it has not taken yet. */
class WatchWriter {
  readonly #sink: StreamSink;
  readonly #close: () => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #blocked = false;
  #ending = false;
  #stopped = false;

  constructor(sink: StreamSink, close: () => void) {
    this.#sink = sink;
    this.#close = close;
  }

  write(chunk: Buffer): void {
    if (this.#stopped) return;
    if (!this.#blocked) {
      if (!this.#sink.write(chunk)) this.#block();
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > MOST_WAITING_BYTES) {
      this.stop();
      this.#sink.end();
    }
  }

  /** Ends the stream once everything is written. */
  end(): void {
    this.#ending = true;
    if (!this.#blocked && !this.#stopped) this.#sink.end();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#waiting = [];
    this.#close();
  }

  #block(): void {
    this.#blocked = true;
    void this.#sink.drained().then(() => {
      this.#blocked = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      for (const chunk of waiting) this.write(chunk);
      if (this.#ending && !this.#blocked && !this.#stopped) this.#sink.end();
    });
  }
}
