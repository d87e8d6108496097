import type { Client } from '../client/client.ts';
import type { Secret } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { type ObjectKey, toKeyText } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';
import { readLive } from './host.ts';

/** How long a Secret that was found is taken for what it was: a changed password arrives within this time. */
const FRESH_MS = 30_000;

/**
 * Reads Secrets that users made. They carry no label of ours, and watching all Secrets of the host would bring every
 * secret of everybody into the operator's memory: so each is read by name, now and then.
 */
export class ReferencedSecrets {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #found = new Map<string, { readonly secret: Secret; readonly readMs: number }>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The Secret as it was within the last 30 seconds; one that was not there is looked for each time. */
  async read(key: ObjectKey, signal: AbortSignal): Promise<Secret | undefined> {
    const id = toKeyText(key);
    const nowMs = this.#clock.nowMs();
    const known = this.#found.get(id);
    if (known !== undefined && nowMs - known.readMs < FRESH_MS) return known.secret;
    const seen = await readLive(this.#client, secrets, key, signal);
    if (seen === undefined) {
      this.#found.delete(id);
      return undefined;
    }
    // One that has not changed stays the same object.
    const isSame = known?.secret.metadata.resourceVersion === seen.metadata.resourceVersion;
    const secret = known !== undefined && isSame ? known.secret : seen;
    this.#found.set(id, { secret, readMs: nowMs });
    return secret;
  }

  /** Reads it anew next time: what it held did not do. */
  forget(key: ObjectKey): void {
    this.#found.delete(toKeyText(key));
  }
}
