import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** As much of S3 as backups need, in memory; it checks each signature by a computation of its own. */
export interface S3Double extends AsyncDisposable {
  readonly endpoint: string;
  readonly objects: Map<string, Buffer>;
  /** Uploads in parts that have been neither finished nor taken back. */
  readonly openUploads: () => number;
  /** Requests so far, such as `PUT /bucket/key`. */
  readonly requests: string[];
  /** Answers so many of the next requests with 503. */
  fail(times: number): void;
}

const ACCESS_KEY = 'AKIDEXAMPLE';
export const s3Credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

export async function startS3Double(bucket: string, pageSize = 2): Promise<S3Double> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Map<number, Buffer>>();
  const requests: string[] = [];
  const state = { failing: 0, nextUpload: 1 };
  const server = createServer((request, response) => {
    serve(request, response).catch((error: Error) => end(response, 500, 'InternalError', error.message));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const url = new URL(request.url ?? '/', `http://127.0.0.1:${port}`);
    requests.push(`${request.method} ${url.pathname}`);
    if (state.failing > 0) {
      state.failing--;
      return end(response, 503, 'SlowDown', 'Please reduce your request rate.');
    }
    const fault = signatureFault(request, url, body);
    if (fault !== undefined) return end(response, 403, 'SignatureDoesNotMatch', fault);
    const [, found, ...rest] = url.pathname.split('/');
    if (found !== bucket) return end(response, 404, 'NoSuchBucket', 'The specified bucket does not exist');
    const key = rest.map(decodeURIComponent).join('/');
    const uploadId = url.searchParams.get('uploadId');
    if (uploadId !== null) return serveUpload(request, response, { key, uploadId, url, body });
    if (request.method === 'POST' && url.searchParams.has('uploads')) {
      const id = `upload-${state.nextUpload++}`;
      uploads.set(id, new Map());
      return xml(response, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    if (request.method === 'PUT') {
      objects.set(key, body);
      response.end();
    } else if (request.method === 'DELETE') {
      objects.delete(key);
      response.writeHead(204).end();
    } else if (key === '') list(response, url);
    else {
      const object = objects.get(key);
      if (object === undefined) return end(response, 404, 'NoSuchKey', 'The specified key does not exist.');
      response.end(object);
    }
  }

  function serveUpload(
    request: IncomingMessage,
    response: ServerResponse,
    { key, uploadId, url, body }: { key: string; uploadId: string; url: URL; body: Buffer },
  ): void {
    const parts = uploads.get(uploadId);
    if (parts === undefined) return end(response, 404, 'NoSuchUpload', 'The upload is not there.');
    if (request.method === 'PUT') {
      const number = Number(url.searchParams.get('partNumber'));
      parts.set(number, body);
      response.writeHead(200, { ETag: `"part-${number}"` }).end();
    } else if (request.method === 'DELETE') {
      uploads.delete(uploadId);
      response.writeHead(204).end();
    } else {
      const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>&quot;part-(\d+)&quot;</g)];
      if (named.length !== parts.size || named.some(([, number, tag]) => number !== tag))
        return end(response, 400, 'InvalidPart', 'A part is missing.');
      objects.set(key, Buffer.concat(named.map(([, number]) => parts.get(Number(number)) ?? Buffer.alloc(0))));
      uploads.delete(uploadId);
      xml(response, '<CompleteMultipartUploadResult/>');
    }
  }

  function list(response: ServerResponse, url: URL): void {
    const prefix = url.searchParams.get('prefix') ?? '';
    const after = url.searchParams.get('continuation-token') ?? '';
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, pageSize);
    const entries = page.map(
      (key) =>
        `<Contents><Key>${key.replaceAll('&', '&amp;')}</Key><Size>${objects.get(key)?.length}</Size></Contents>`,
    );
    const more = keys.length > page.length;
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    xml(response, `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${entries.join('')}</ListBucketResult>`);
  }

  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    openUploads: () => uploads.size,
    requests,
    fail(times) {
      state.failing = times;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What is wrong with the signature; written apart from the code that signs. */
function signatureFault(request: IncomingMessage, url: URL, body: Buffer): string | undefined {
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request,SignedHeaders=([^,]+),Signature=(\w+)$/.exec(
      request.headers.authorization ?? '',
    );
  if (found === null) return 'no authorization';
  const [, id, day = '', region = '', signed = '', signature] = found;
  if (id !== ACCESS_KEY) return `the access key ${id} is not known`;
  const sha256 = createHash('sha256').update(body).digest('hex');
  if (request.headers['x-amz-content-sha256'] !== sha256) return 'the body has another checksum';
  if (!signed.split(';').includes('host')) return 'the host is not signed';
  const query = (request.url ?? '').split('?')[1]?.split('&').sort().join('&') ?? '';
  const headers = signed.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = `${request.method}\n${url.pathname}\n${query}\n${headers.join('')}\n${signed}\n${sha256}`;
  const stamp = request.headers['x-amz-date'];
  const digest = createHash('sha256').update(canonical).digest('hex');
  let key: Buffer | string = `AWS4${s3Credentials.secretAccessKey}`;
  for (const part of [day, region, 's3', 'aws4_request']) key = createHmac('sha256', key).update(part).digest();
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${day}/${region}/s3/aws4_request\n${digest}`;
  return createHmac('sha256', key).update(text).digest('hex') === signature ? undefined : 'the signature is wrong';
}

function xml(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'Content-Type': 'application/xml' });
  response.end(`<?xml version="1.0" encoding="UTF-8"?>${text}`);
}

function end(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'Content-Type': 'application/xml' });
  response.end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}
