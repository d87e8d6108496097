import type { IncomingMessage } from 'node:http';
import { type FieldError, fieldForbidden, fieldInvalid } from '../../machinery/errors/field-error.ts';
import { badRequest, invalid, StatusError } from '../../machinery/errors/status-error.ts';
import { GoTimeError, parseGoTime } from '../../machinery/values/go-time.ts';
import type { Answer, AuthenticatedCall, Handler, StreamAnswer } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { backendError, type KubeletConnector, readText, refusalOf, sendRequest } from './kubelet.ts';
import { chooseContainer, readFlag, readPod } from './pod-target.ts';

interface LogDeps {
  readonly reader: ObjectReader;
  readonly kubelets: KubeletConnector;
}

interface LogOptions {
  readonly container: string;
  readonly flags: readonly string[];
  readonly numbers: ReadonlyMap<string, number>;
  readonly sinceTime?: string | undefined;
  readonly stream: string | undefined;
}

const flagNames = ['follow', 'previous', 'timestamps'];
const numberNames = ['sinceSeconds', 'tailLines', 'limitBytes'];

/** Reads or follows the log of a container. Source: `pkg/registry/core/pod/rest/log.go`. */
export function podLogHandler({ reader, kubelets }: LogDeps): Handler<AuthenticatedCall> {
  return async (call): Promise<Answer> => {
    const options = readOptions(call.query);
    const faults = validate(options);
    if (faults.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, call.info.name, faults);
    const pod = await readPod(reader, call);
    const container = chooseContainer(pod, options.container);
    const node = pod.spec?.nodeName;
    if (!node) return { kind: 'bytes', status: 204, contentType: '', body: Buffer.alloc(0) };
    const location = await kubelets.locate(node, 'pods');
    const socket = await kubelets.connect(location, call.signal);
    const { namespace, name } = call.info;
    const path = `/containerLogs/${[namespace, name, container].map(encodeURIComponent).join('/')}?${toQuery(options)}`;
    const sent = sendRequest(socket, { method: 'GET', path });
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve).once('error', (error) => reject(backendError(error)));
      sent.end();
    });
    const code = answer.statusCode ?? 500;
    if (code >= 300 && code < 400 && answer.headers.location !== undefined) {
      answer.destroy();
      // Source: apiserver `registry/generic/rest/streamer.go`, `pkg/registry/core/pod/rest/log.go` (PreventRedirects).
      const url = `https://${location.host}:${location.port}${path}`;
      throw new StatusError({ code: 500, reason: '', message: `Get ${JSON.stringify(url)}: redirects forbidden` });
    }
    if (code < 200 || code > 206) throw refusalOf(code, await readText(answer), { kind: 'pods/log', name });
    return toStream(answer, answer.headers['content-type'] ?? 'text/plain');
  };
}

/** Passes the kubelet's bytes on as they come, no quicker than the client takes them. */
function toStream(answer: IncomingMessage, contentType: string): StreamAnswer {
  return {
    kind: 'stream',
    status: 200,
    contentType,
    start(sink, signal) {
      const stop = (): void => {
        answer.destroy();
      };
      answer.on('data', (chunk: Buffer) => {
        if (sink.write(chunk)) return;
        answer.pause();
        sink.drained().then(() => answer.resume(), stop);
      });
      answer.once('end', () => sink.end()).once('error', () => sink.end());
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    },
  };
}

/** @throws StatusError 400 for numbers that are none. */
function readOptions(query: URLSearchParams): LogOptions {
  const numbers = new Map<string, number>();
  for (const name of numberNames) {
    const text = query.get(name);
    if (text === null || text === '') continue;
    if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    numbers.set(name, Number(text));
  }
  return {
    container: query.get('container') ?? '',
    flags: flagNames.filter((name) => readFlag(query, name)),
    numbers,
    sinceTime: readTime(query.get('sinceTime')),
    stream: query.get('stream') ?? undefined,
  };
}

/** @throws StatusError 400 with Go's text for what is no time. */
function readTime(text: string | null): string | undefined {
  if (text === null || text === '') return undefined;
  try {
    parseGoTime(text, 'time');
  } catch (error) {
    if (error instanceof GoTimeError) throw badRequest(error.message);
    throw error;
  }
  return text;
}

/** Source: `pkg/apis/core/validation/validation.go` (ValidatePodLogOptions). */
function validate({ numbers, sinceTime, stream }: LogOptions): readonly FieldError[] {
  const faults: FieldError[] = [];
  const tailLines = numbers.get('tailLines');
  const limitBytes = numbers.get('limitBytes');
  const sinceSeconds = numbers.get('sinceSeconds');
  if (tailLines !== undefined && tailLines < 0) {
    faults.push(fieldInvalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    faults.push(fieldInvalid('limitBytes', limitBytes, 'must be greater than 0'));
  }
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    faults.push(fieldForbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    faults.push(fieldInvalid('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  }
  // Streams apart are an alpha feature, off by default.
  if (stream !== undefined) faults.push(fieldForbidden('stream', 'may not be specified'));
  return faults;
}

function toQuery({ flags, numbers, sinceTime }: LogOptions): string {
  const query = new URLSearchParams();
  for (const name of flags) query.set(name, 'true');
  for (const [name, value] of numbers) query.set(name, String(value));
  if (sinceTime !== undefined) query.set('sinceTime', sinceTime);
  return query.toString();
}
