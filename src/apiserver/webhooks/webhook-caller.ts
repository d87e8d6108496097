import type { WebhookClientConfig } from '../../generated/api/admissionregistration/v1.ts';
import { parseJson } from '../../machinery/codecs/json/parse.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { Clock } from '../../std/clock.ts';
import { openWorkload } from '../workloads/open-workload.ts';
import { WorkloadAgent } from '../workloads/workload-agent.ts';
import type { WorkloadNetwork } from '../workloads/workload-network.ts';
import { unexpectedAnswer } from './webhook-error.ts';

export interface WebhookCallerOptions {
  readonly network: WorkloadNetwork;
  readonly clock: Clock;
}

interface Endpoint {
  /** `https://host:port/path`, without the query. */
  readonly url: string;
  readonly authority: string;
  readonly path: string;
  readonly agent: WorkloadAgent;
}

export interface WebhookRequest {
  readonly clientConfig: WebhookClientConfig;
  readonly body: Buffer;
  readonly timeoutSeconds: number;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

/** Connections to webhooks that are kept at most; those that were not asked for the longest go first. */
const MAX_ENDPOINTS = 100;
const DEFAULT_PORT = 443;

/**
 * Posts questions to webhooks in the cluster's pods.
 * Source: apiserver `pkg/util/webhook/client.go`, `admission/plugin/webhook/{mutating,validating}/dispatcher.go`.
 */
export class WebhookCaller {
  readonly #options: WebhookCallerOptions;
  readonly #endpoints = new Map<string, Endpoint>();

  constructor(options: WebhookCallerOptions) {
    this.#options = options;
  }

  /** @throws Error in upstream's words; StatusError where the webhook answered with something else than 2xx */
  async post({ clientConfig, body, timeoutSeconds, userAgent, signal }: WebhookRequest): Promise<unknown> {
    const { url, authority, path, agent } = this.#endpointOf(clientConfig);
    const query = `?timeout=${timeoutSeconds}s`;
    const limit = new AbortController();
    const timer = this.#options.clock.after(timeoutSeconds * 1000, () =>
      limit.abort(new Error('context deadline exceeded')),
    );
    const cancel = (): void => limit.abort(new Error('context canceled'));
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    try {
      const {
        status,
        headers,
        body: answer,
      } = await agent.ask({
        method: 'POST',
        path: `${path}${query}`,
        headers: {
          Host: authority,
          Accept: 'application/json, */*',
          'Content-Type': 'application/json',
          'User-Agent': userAgent,
        },
        body,
        signal: limit.signal,
      });
      return readAnswer(status, headers['content-type'] ?? '', answer);
    } catch (error) {
      if (error instanceof AnswerError) throw error.cause;
      throw new Error(`Post ${JSON.stringify(`${url}${query}`)}: ${textOf(error)}`, { cause: error });
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', cancel);
    }
  }

  close(): void {
    for (const { agent } of this.#endpoints.values()) agent.close();
    this.#endpoints.clear();
  }

  #endpointOf(config: WebhookClientConfig): Endpoint {
    const key = JSON.stringify(config);
    const known = this.#endpoints.get(key);
    const endpoint = known ?? this.#open(config);
    this.#endpoints.delete(key);
    this.#endpoints.set(key, endpoint);
    for (const [oldest, { agent }] of this.#endpoints) {
      if (this.#endpoints.size <= MAX_ENDPOINTS) break;
      agent.close();
      this.#endpoints.delete(oldest);
    }
    return endpoint;
  }

  #open({ service, url, caBundle }: WebhookClientConfig): Endpoint {
    const { network } = this.#options;
    const caPem = caBundle ? Buffer.from(caBundle, 'base64').toString('utf8') : undefined;
    if (service !== undefined) {
      const { namespace, name, port = DEFAULT_PORT, path = '/' } = service;
      const serverName = `${name}.${namespace}.svc`;
      const agent = new WorkloadAgent((signal) =>
        openWorkload(network, () => network.ofService({ namespace, name, port }), { serverName, caPem }, signal),
      );
      return toEndpoint(`${serverName}:${port}`, path, agent);
    }
    const { hostname, host, port, pathname } = new URL(url ?? '');
    const serverName = hostname.replace(/^\[|\]$/g, '');
    const wanted = port === '' ? DEFAULT_PORT : Number(port);
    const agent = new WorkloadAgent((signal) =>
      openWorkload(network, () => network.ofUrl(serverName, wanted), { serverName, caPem }, signal),
    );
    return toEndpoint(host, pathname, agent);
  }
}

function toEndpoint(authority: string, path: string, agent: WorkloadAgent): Endpoint {
  const rooted = path.startsWith('/') ? path : `/${path}`;
  return { url: `https://${authority}${rooted}`, authority, path: rooted, agent };
}

/** Carries what is wrong with an answer past what is wrong with the way to it. */
class AnswerError extends Error {}

function readAnswer(status: number, contentType: string, body: Buffer): unknown {
  try {
    if (status < 200 || status > 206) throw unexpectedAnswer(status, body);
    if (body.length === 0) {
      throw new Error(`0-length response with status code: ${status} and content type: ${contentType}`);
    }
    return parse(body);
  } catch (error) {
    throw new AnswerError('', { cause: error });
  }
}

function parse(body: Buffer): unknown {
  try {
    return parseJson(body).value;
  } catch (error) {
    throw new Error(`couldn't get version/kind; json parse error: ${textOf(error)}`, { cause: error });
  }
}

function textOf(error: unknown): string {
  if (error instanceof StatusError) return error.message;
  const { message, code } = error as { message?: string; code?: string };
  if (code === 'ECONNRESET') return 'EOF';
  return message ?? String(error);
}
