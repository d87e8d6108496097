import type { Clock } from '../../std/clock.ts';
import type { Answer, AuthenticatedCall, Handler } from '../call.ts';
import { partOf, type RemoteDocuments, type RemoteSwagger } from '../openapi/remote-documents.ts';
import { aggregatorUser } from './availability.ts';
import { proxyHeaders } from './proxy-headers.ts';
import type { RemoteService } from './remote-service.ts';

export interface RemoteOpenApiOptions {
  remotes(): readonly RemoteService[];
  find(group: string, version: string): Handler<AuthenticatedCall> | undefined;
  readonly clock: Clock;
}

/** Source: kube-aggregator `controllers/openapi/controller.go` (successfulUpdateDelay). */
const FRESH_MS = 60_000;
const ANSWER_MS = 5_000;

interface Kept {
  readonly index: ReadonlyMap<string, string>;
  readonly swagger: RemoteSwagger | undefined;
  readonly text: string;
}

/**
 * What servers in pods say of themselves, read when somebody asks and kept for a minute. One that does not answer is left
 * out, or told of as it was.
 */
export class RemoteOpenApi implements RemoteDocuments {
  readonly #options: RemoteOpenApiOptions;
  readonly #kept = new WeakMap<RemoteService, { readonly untilMs: number; readonly kept: Promise<Kept | undefined> }>();
  #swaggers: readonly RemoteSwagger[] = [];

  constructor(options: RemoteOpenApiOptions) {
    this.#options = options;
  }

  async v3Index(): Promise<ReadonlyMap<string, string>> {
    const all = await this.#all();
    return new Map(all.flatMap(({ index }) => [...index]));
  }

  v3(call: AuthenticatedCall, path: string): Promise<Answer> | undefined {
    const [prefix, group = '', version = ''] = path.split('/');
    const handler = prefix === 'apis' ? this.#options.find(group, version) : undefined;
    return handler?.(call);
  }

  async v2(): Promise<readonly RemoteSwagger[]> {
    const swaggers = (await this.#all()).flatMap(({ swagger }) => swagger ?? []);
    const isSame =
      swaggers.length === this.#swaggers.length && swaggers.every((each, index) => each === this.#swaggers[index]);
    if (!isSame) this.#swaggers = swaggers;
    return this.#swaggers;
  }

  async #all(): Promise<readonly Kept[]> {
    const remotes = this.#options.remotes().filter(({ isAvailable }) => isAvailable);
    const found = await Promise.all(remotes.map((remote) => this.#of(remote)));
    return found.filter((each) => each !== undefined);
  }

  #of(remote: RemoteService): Promise<Kept | undefined> {
    const nowMs = this.#options.clock.nowMs();
    const known = this.#kept.get(remote);
    if (known !== undefined && known.untilMs > nowMs) return known.kept;
    const kept = Promise.resolve(known?.kept).then((before) => this.#read(remote, before));
    this.#kept.set(remote, { untilMs: nowMs + FRESH_MS, kept });
    return kept;
  }

  async #read(remote: RemoteService, before: Kept | undefined): Promise<Kept | undefined> {
    const limit = new AbortController();
    const timer = this.#options.clock.after(ANSWER_MS, () => limit.abort(new Error('request timed out')));
    try {
      const [index, text] = await Promise.all([
        ask(remote, '/openapi/v3', limit.signal),
        ask(remote, '/openapi/v2', limit.signal),
      ]);
      const own = `apis/${remote.group}/${remote.version}`;
      const isKnown = before !== undefined && before.text === text;
      return {
        index: readIndex(index, own),
        swagger: isKnown ? before.swagger : text === '' ? undefined : partOf(JSON.parse(text), `/${own}`),
        text,
      };
    } catch {
      return before;
    } finally {
      timer.cancel();
    }
  }
}

/** Empty where the server has no such document. */
async function ask({ agent, tls }: RemoteService, path: string, signal: AbortSignal): Promise<string> {
  const rawHeaders = ['Host', tls.serverName, 'Accept', 'application/json', 'User-Agent', 'kube-aggregator'];
  const { status, body } = await agent.ask({
    method: 'GET',
    path,
    rawHeaders: [...rawHeaders, ...proxyHeaders(aggregatorUser)],
    signal,
  });
  return status === 200 ? body.toString('utf8') : '';
}

function readIndex(text: string, own: string): ReadonlyMap<string, string> {
  if (text === '') return new Map();
  const { paths = {} } = JSON.parse(text) as { paths?: Record<string, { serverRelativeURL?: string }> };
  const url = paths[own]?.serverRelativeURL;
  return url === undefined ? new Map() : new Map([[own, url]]);
}
