import type { Backend, Revision } from '../datastore/backend.ts';
import type { Pki } from '../pki/bundle.ts';
import { newPassword } from '../pki/join-token.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { bootstrapKey, resealBootstrapData } from './bootstrap-data.ts';
import type { TenantConfig } from './config.ts';
import { type Tokens, writeTokens } from './identity.ts';
import { type Passwords, SharedToken, wasOvertaken } from './shared-token.ts';

export interface TokenRotationOptions {
  readonly config: TenantConfig;
  readonly backend: Pick<Backend, 'get' | 'create' | 'update' | 'delete' | 'currentRevision' | 'subscribe'>;
  readonly pki: Pki;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The tokens of a cluster, which may change while it runs. Machines that have joined do not notice: they are known by
 * their certificates.
 */
export class RotatingTokens {
  readonly #options: TokenRotationOptions;
  readonly #shared: SharedToken;
  #tokens: Tokens;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TokenRotationOptions) {
    this.#options = options;
    this.#tokens = options.tokens;
    this.#shared = new SharedToken(options);
  }

  get current(): Tokens {
    return this.#tokens;
  }

  /**
   * Makes another password the one of the cluster, in the datastore first: servers find the cluster's identity by it.
   * The token of agents changes along where they have none of their own.
   *
   * @param wanted - Empty: a new password is made.
   * Source: k3s `pkg/server/handlers/token.go` (tokenRotate), `pkg/cluster/storage.go` (RotateBootstrapToken).
   */
  async rotate(wanted: string): Promise<void> {
    const turn = this.#last.then(() => this.#rotate(wanted === '' ? newPassword() : wanted));
    this.#last = turn.catch(() => {});
    await turn;
  }

  /**
   * Takes what other servers of the cluster rotate to.
   * @param after - The revision of the datastore before the identity was read from it.
   * @returns how to stop.
   */
  follow(after: Revision): () => void {
    const { config, pki, logger } = this.#options;
    const take = (passwords: Passwords): void => {
      if (passwords.server === this.#tokens.server && passwords.agent === this.#tokens.agent) return;
      this.#tokens = writeTokens(config, pki, passwords);
      logger.info('the join token has changed through another server');
    };
    return this.#shared.follow(after, take, this.#options);
  }

  async #rotate(password: string): Promise<void> {
    const { config, backend, pki, logger } = this.#options;
    const { server: from, agent } = this.#tokens;
    if (password === from) return;
    const next = { server: password, agent: agent === from ? password : agent };
    const since = await this.#shared.revision();
    const old = await backend.get(bootstrapKey(from));
    if (old !== undefined) {
      const sealed = await resealBootstrapData(old.value, { from, to: password });
      const made = await backend.create(bootstrapKey(password), sealed);
      await this.#shared.tell(next, since).catch(async (error) => {
        await backend.delete(bootstrapKey(password), made);
        throw wasOvertaken(error) ? new Error('another server has just changed the token: try again') : error;
      });
    }
    this.#tokens = writeTokens(config, pki, next);
    if (old !== undefined) await backend.delete(old.key, old.modRevision);
    if (config.token !== undefined)
      logger.warn('the token was given from outside: give the new one there before this server starts again');
  }
}
