import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { encodeStrictly, type S3Credentials, sha256Hex, signRequest } from './sigv4.ts';

export interface S3BucketOptions {
  /** URL of the service, such as `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. */
  readonly pathStyle: boolean;
  readonly credentials: S3Credentials;
  /** PEM of the authorities of the service; Node's own where absent. */
  readonly ca?: string | undefined;
  readonly nowMs: () => number;
  /** Bytes of one part of a large object. Default 16 MiB; S3 takes 5 MiB and more. */
  readonly partBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

/** What the service refused, or answered in a way that nobody understands. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError';
  readonly status: number;
  /** S3's own word, such as `NoSuchKey`. */
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const PART_BYTES = 16 * 1024 * 1024;
/** A service that says nothing for so long is taken for gone. */
const IDLE_MS = 60_000;
const ATTEMPTS = 4;
const EMPTY_SHA256 = sha256Hex('');

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** One bucket of an S3-compatible service: as much of it as backups need. */
export class S3Bucket {
  readonly #options: S3BucketOptions;

  constructor(options: S3BucketOptions) {
    this.#options = options;
  }

  /**
   * Writes an object from bytes of unknown number, large ones in parts. The object appears when the bytes have ended
   * without an error, and not before.
   */
  async put(key: string, bytes: AsyncIterable<Uint8Array>): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash('sha256');
    const parts: string[] = [];
    let uploadId: string | undefined;
    let total = 0;
    try {
      for await (const { part, isLast } of toParts(bytes, this.#options.partBytes ?? PART_BYTES)) {
        hash.update(part);
        total += part.length;
        if (isLast && uploadId === undefined) {
          await this.#ask({ method: 'PUT', key, body: part });
          break;
        }
        uploadId ??= tagOf(await this.#ask({ method: 'POST', key, query: { uploads: '' } }), 'UploadId');
        parts.push(await this.#putPart(key, uploadId, parts.length + 1, part));
      }
      if (uploadId !== undefined) await this.#complete(key, uploadId, parts);
    } catch (error) {
      // What was sent of it costs money as long as nobody takes it back.
      if (uploadId !== undefined) await this.#ask({ method: 'DELETE', key, query: { uploadId } }).catch(() => {});
      throw error;
    }
    return { bytes: total, sha256: hash.digest('hex') };
  }

  /** The bytes of an object. @throws ObjectStoreError with the code `NoSuchKey` */
  async get(key: string): Promise<AsyncIterable<Uint8Array>> {
    return await this.#send({ method: 'GET', key });
  }

  /** Objects whose keys begin so, in the order of their keys. */
  async list(prefix: string): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    let token: string | undefined;
    do {
      const query = { 'list-type': '2', prefix, ...(token === undefined ? {} : { 'continuation-token': token }) };
      const answer = await this.#ask({ method: 'GET', query });
      for (const [, entry = ''] of answer.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g))
        found.push({ key: tagOf(entry, 'Key'), bytes: Number(tagOf(entry, 'Size')) });
      token = /<IsTruncated>true</.test(answer) ? tagOf(answer, 'NextContinuationToken') : undefined;
    } while (token !== undefined);
    return found;
  }

  /** Removes an object; one that is not there is no fault. */
  async remove(key: string): Promise<void> {
    await this.#ask({ method: 'DELETE', key });
  }

  async #putPart(key: string, uploadId: string, number: number, part: Buffer): Promise<string> {
    const query = { partNumber: String(number), uploadId };
    const response = await this.#send({ method: 'PUT', key, query, body: part });
    response.resume();
    const { etag } = response.headers;
    if (etag === undefined) throw new ObjectStoreError(502, 'NoETag', `part ${number} of ${key} came without an ETag`);
    return etag;
  }

  async #complete(key: string, uploadId: string, etags: readonly string[]): Promise<void> {
    const parts = etags.map(
      (etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${toXmlText(etag)}</ETag></Part>`,
    );
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
    const answer = await this.#ask({ method: 'POST', key, query: { uploadId }, body });
    // The status is sent before the parts are put together: what went wrong then stands in the body.
    if (/<Error>/.test(answer)) throw toError(200, answer);
  }

  async #ask(call: Call): Promise<string> {
    return await text(await this.#send(call));
  }

  /** Sends again what failed on the way or at the service, after a pause that doubles. */
  async #send(call: Call): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#sendOnce(call);
      } catch (error) {
        const passes = error instanceof ObjectStoreError ? error.status >= 500 || error.status === 429 : true;
        if (!passes || attempt === ATTEMPTS || this.#options.signal?.aborted) throw error;
        await this.#pause(attempt);
      }
    }
  }

  async #pause(attempt: number): Promise<void> {
    const { setTimeout: sleep } = await import('node:timers/promises');
    await sleep(100 * 2 ** attempt, undefined, { signal: this.#options.signal });
  }

  async #sendOnce({ method, key, query = {}, body }: Call): Promise<IncomingMessage> {
    const { credentials, region, nowMs, ca, signal } = this.#options;
    const url = this.#urlOf(key ?? '');
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    // URL writes a space of a query as a plus, which is none for S3.
    const search = Object.entries(query).map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`);
    const bodySha256 = body === undefined ? EMPTY_SHA256 : sha256Hex(body);
    const signable = { method, url, headers: {}, bodySha256 };
    const headers = {
      ...signRequest(signable, { credentials, region, nowMs: nowMs() }),
      'content-length': String(body?.length ?? 0),
    };
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    const path = url.pathname + (search.length > 0 ? `?${search.join('&')}` : '');
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        method,
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path,
        headers,
        timeout: IDLE_MS,
      };
      const request = send({
        ...options,
        ...(ca === undefined ? {} : { ca }),
        ...(signal === undefined ? {} : { signal }),
      });
      request.on('response', resolve);
      request.on('error', reject);
      request.on('timeout', () => request.destroy(new Error(`${url.host} does not answer`)));
      request.end(body);
    });
    const status = response.statusCode ?? 0;
    if (status > 299) throw toError(status, await text(response));
    return response;
  }

  #urlOf(key: string): URL {
    const { endpoint, bucket, pathStyle } = this.#options;
    const url = new URL(endpoint);
    if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`;
    const path = [url.pathname.replace(/\/$/, ''), ...(pathStyle ? [encodeStrictly(bucket)] : [])];
    url.pathname = `${path.join('/')}/${key.split('/').map(encodeStrictly).join('/')}`;
    return url;
  }
}

/** Cuts bytes into parts of one size; the last may be smaller, and is told to be the last. */
async function* toParts(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ readonly part: Buffer; readonly isLast: boolean }> {
  let chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    length += chunk.length;
    while (length > size) {
      const all = Buffer.concat(chunks);
      yield { part: all.subarray(0, size), isLast: false };
      chunks = [all.subarray(size)];
      length -= size;
    }
  }
  yield { part: Buffer.concat(chunks), isLast: true };
}

function toError(status: number, body: string): ObjectStoreError {
  const found = /<Error>[\s\S]*<\/Error>/.exec(body)?.[0] ?? '';
  const code = optionalTag(found, 'Code') ?? `HTTP${status}`;
  return new ObjectStoreError(
    status,
    code,
    `${code}: ${optionalTag(found, 'Message') ?? `the service answered ${status}`}`,
  );
}

function tagOf(xml: string, name: string): string {
  const value = optionalTag(xml, name);
  if (value === undefined) throw new ObjectStoreError(502, 'Malformed', `the answer of the service has no ${name}`);
  return value;
}

function optionalTag(xml: string, name: string): string | undefined {
  const value = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return value?.replace(/&(lt|gt|quot|apos|amp|#\d+|#x[0-9a-fA-F]+);/g, (_, entity: string) => toCharacter(entity));
}

function toCharacter(entity: string): string {
  const named: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  if (!entity.startsWith('#')) return named[entity] ?? '';
  return String.fromCodePoint(entity[1] === 'x' ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1)));
}

function toXmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
