import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Backend, KeyValue, Revision } from '../datastore/backend.ts';
import { StorageError } from '../datastore/storage-error.ts';
import type { Pki } from '../pki/bundle.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tokens } from './identity.ts';

/** The passwords that count now. */
export type Passwords = Pick<Tokens, 'server' | 'agent'>;

/** Where a server leaves new passwords for the others; no request to the API leads there. */
const KEY = '/warren/token';
const RETRY_MS = 1_000;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface SharedTokenOptions {
  readonly backend: Pick<Backend, 'get' | 'create' | 'update' | 'currentRevision' | 'subscribe'>;
  /** Servers of one cluster share it, and nobody else has it: what they tell each other is encrypted with a key of it. */
  readonly pki: Pick<Pki, 'server'>;
}

/** Passwords that were changed while servers run, in the datastore that they share. */
export class SharedToken {
  readonly #backend: SharedTokenOptions['backend'];
  readonly #key: Buffer;

  constructor({ backend, pki }: SharedTokenOptions) {
    this.#backend = backend;
    const secret = pki.server.key.export({ type: 'pkcs8', format: 'der' });
    this.#key = Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), 'join token', 32));
  }

  /** The revision at which passwords were last left; 0n where they never were. */
  async revision(): Promise<Revision> {
    return (await this.#backend.get(KEY))?.modRevision ?? 0n;
  }

  /** Leaves passwords for the others. @throws StorageError where somebody has done so since that revision. */
  async tell(passwords: Passwords, since: Revision): Promise<void> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    const sealed = Buffer.concat([
      nonce,
      cipher.update(JSON.stringify(passwords)),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    if (since === 0n) await this.#backend.create(KEY, sealed);
    else await this.#backend.update(KEY, sealed, since);
  }

  /**
   * Calls with all passwords that are left behind a revision, as soon as they are, until stopped. An interruption of the
   * datastore's log is bridged by reading the key anew.
   */
  follow(
    after: Revision,
    take: (passwords: Passwords) => void,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  ): () => void {
    const state: { seen: Revision; stop?: (() => void) | undefined; ended: boolean } = { seen: after, ended: false };
    const see = (revision: Revision, value: Buffer): void => {
      if (revision <= state.seen || state.ended) return;
      state.seen = revision;
      try {
        take(this.#open(value));
      } catch (error) {
        logger.warn('a new token of another server cannot be taken over', { error });
      }
    };
    const again = (error: unknown): void => {
      state.stop = undefined;
      if (state.ended) return;
      logger.debug('looking for new tokens anew', { error });
      clock.after(RETRY_MS, begin);
    };
    const begin = (): void => {
      if (state.ended) return;
      this.#subscribe(see, again).then((stop) => {
        if (state.ended) stop();
        else state.stop = stop;
      }, again);
    };
    begin();
    return () => {
      state.ended = true;
      state.stop?.();
    };
  }

  async #subscribe(
    see: (revision: Revision, value: Buffer) => void,
    failed: (error: unknown) => void,
  ): Promise<() => void> {
    const revision = await this.#backend.currentRevision();
    const current: KeyValue | undefined = await this.#backend.get(KEY);
    if (current !== undefined) see(current.modRevision, current.value);
    const subscription = await this.#backend.subscribe(revision, {
      events: (events) => {
        for (const event of events) if (event.key === KEY && event.kind !== 'delete') see(event.revision, event.value);
      },
      failed,
    });
    return () => subscription.close();
  }

  #open(sealed: Buffer): Passwords {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString('utf8')) as Passwords;
  }
}

/** Whether somebody else has left passwords in the meantime. */
export function wasOvertaken(error: unknown): boolean {
  return error instanceof StorageError && (error.fault === 'key-exists' || error.fault === 'revision-moved');
}
