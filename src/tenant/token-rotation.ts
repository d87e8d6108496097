import type { Backend } from '../datastore/backend.ts';
import type { Pki } from '../pki/bundle.ts';
import { newPassword } from '../pki/join-token.ts';
import type { Logger } from '../telemetry/logger.ts';
import { bootstrapKey, resealBootstrapData } from './bootstrap-data.ts';
import type { TenantConfig } from './config.ts';
import { type Tokens, writeTokens } from './identity.ts';

export interface TokenRotationOptions {
  readonly config: TenantConfig;
  readonly backend: Pick<Backend, 'get' | 'create' | 'delete'>;
  readonly pki: Pki;
  readonly tokens: Tokens;
  readonly logger: Logger;
}

/**
 * The tokens of a cluster, which may change while it runs. Machines that have joined do not notice: they are known by
 * their certificates.
 */
export class RotatingTokens {
  readonly #options: TokenRotationOptions;
  #tokens: Tokens;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TokenRotationOptions) {
    this.#options = options;
    this.#tokens = options.tokens;
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

  async #rotate(password: string): Promise<void> {
    const { config, backend, pki, logger } = this.#options;
    const { server: from, agent } = this.#tokens;
    if (password === from) return;
    const old = await backend.get(bootstrapKey(from));
    if (old !== undefined) {
      await backend.create(bootstrapKey(password), await resealBootstrapData(old.value, { from, to: password }));
    }
    this.#tokens = writeTokens(config, pki, { server: password, agent: agent === from ? password : agent });
    if (old !== undefined) await backend.delete(old.key, old.modRevision);
    if (config.token !== undefined)
      logger.warn('the token was given from outside: give the new one there before this server starts again');
  }
}
