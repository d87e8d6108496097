import type { Client } from '../client/client.ts';
import { StatusError } from '../machinery/errors/status-error.ts';
import { type AnyObject, type ObjectKey, type ResourceType, toKeyText } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';

/** Versions in which hosts serve TLSRoutes, newest first. Source: Gateway API `apis/`. */
const VERSIONS = ['v1', 'v1alpha3', 'v1alpha2'];
/** A Gateway API that is installed later is found within this time. */
const FRESH_MS = 60_000;

/** A TLSRoute in one version of its API. */
export function tlsRoutes(version: string): ResourceType {
  return { group: 'gateway.networking.k8s.io', version, kind: 'TLSRoute', plural: 'tlsroutes', namespaced: true };
}

/** What the host knows of a tenant's TLSRoute. */
export interface SeenRoute {
  /** Undefined where the host has no such kind. */
  readonly version: string | undefined;
  readonly route?: AnyObject | undefined;
}

/** Reads TLSRoutes of hosts, which may or may not have the Gateway API, in whatever version. */
export class GatewayRoutes {
  readonly #client: Client;
  readonly #clock: Clock;
  #known: { readonly version: string | undefined; readonly readMs: number } | undefined;
  /** As last read: one that has not changed stays the same object. */
  readonly #routes = new Map<string, AnyObject>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async read(key: ObjectKey, signal: AbortSignal): Promise<SeenRoute> {
    const nowMs = this.#clock.nowMs();
    const known = this.#known !== undefined && nowMs - this.#known.readMs < FRESH_MS ? this.#known : undefined;
    if (known !== undefined && known.version === undefined) return { version: undefined };
    for (const version of known?.version === undefined ? VERSIONS : [known.version]) {
      try {
        const { items } = await this.#client.list(tlsRoutes(version) as ResourceType<AnyObject>, {
          namespace: key.namespace,
          fieldSelector: `metadata.name=${key.name}`,
          signal,
        });
        this.#known = { version, readMs: nowMs };
        return { version, route: this.#keep(toKeyText(key), items[0]) };
      } catch (error) {
        // A list is not found where nobody serves the kind, and only there; plainly, without a reason.
        if (!(error instanceof StatusError && error.code === 404)) throw error;
      }
    }
    this.#known = { version: undefined, readMs: nowMs };
    return { version: undefined };
  }

  #keep(id: string, seen: AnyObject | undefined): AnyObject | undefined {
    const before = this.#routes.get(id);
    if (seen === undefined) this.#routes.delete(id);
    else if (before?.metadata.resourceVersion !== seen.metadata.resourceVersion) this.#routes.set(id, seen);
    return this.#routes.get(id);
  }
}
