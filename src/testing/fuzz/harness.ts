import type { Call, WireAnswer } from '../../apiserver/call.ts';
import { parseRequestInfo } from '../../apiserver/request-info.ts';
import type { FuzzRequest } from './requests.ts';

/** The call that a request would be, without a socket; undefined where no listener would let it through. */
export function toCall({ method, target, headers, body }: FuzzRequest, nowMs: number): Call | undefined {
  const [rawPath = '', search = ''] = target.split(/\?(.*)/s);
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    return undefined;
  }
  const query = new URLSearchParams(search);
  return {
    method,
    path,
    query,
    header: (name) => headers[name],
    body: async () => body,
    info: parseRequestInfo(method, path, query),
    signal: new AbortController().signal,
    warnings: [],
    startedMs: nowMs,
    annotations: new Map(),
  };
}

/** Ends a stream as soon as it began. */
export function drop(answer: WireAnswer): void {
  if (answer.kind !== 'stream') return;
  const gone = new AbortController();
  answer.start({ write: () => true, drained: async () => {}, end: () => {} }, gone.signal);
  gone.abort();
}

/** Faults of 500 that upstream answers alike, by their words. */
const upstreamFaults = [
  /failed to create typed patch object /,
  /unable to convert unstructured object to /,
  /resourceVersion: Invalid value: /,
  /strconv\.ParseUint: /,
  /resourceVersion should not be set on objects to be created/,
  /does not contain declared merge key/,
  /target\.(name|kind): /,
];

/** Whether an answer is one that no request may provoke. */
export function isServerFault(answer: WireAnswer): boolean {
  if (answer.kind !== 'bytes' || answer.status < 500 || answer.status === 503 || answer.status === 504) return false;
  const text = (Buffer.isBuffer(answer.body) ? answer.body : Buffer.concat(answer.body)).toString('utf8');
  return !isUpstreamFault(text);
}

/** Whether upstream answers so as well. */
export function isUpstreamFault(text: string): boolean {
  return upstreamFaults.some((pattern) => pattern.test(text));
}
