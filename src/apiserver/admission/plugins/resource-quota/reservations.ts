import type { Client } from '../../../../client/client.ts';
import type { ResourceQuota } from '../../../../generated/api/core/v1.ts';
import { resourcequotas } from '../../../../generated/resource-types.ts';
import { isNotFound } from '../../../../machinery/errors/status-error.ts';
import type { Evaluator } from '../../../../resources/quota/evaluator.ts';
import type { Clock } from '../../../../std/clock.ts';
import type { AdmissionAttempt } from '../../admission.ts';
import { checkRequest, isUnchanged, type QuotaState, stateOf, withUsed } from './check-request.ts';

interface Waiter {
  readonly attempt: AdmissionAttempt;
  readonly evaluator: Evaluator;
  admit(): void;
  refuse(error: unknown): void;
}

export interface ReservationDeps {
  readonly client: Client;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** The quotas of a namespace, from memory. */
  quotasOf(namespace: string): Promise<readonly ResourceQuota[]>;
}

/** So many times is a lost race run again. */
const RETRIES = 3;

/**
 * Takes amounts from quotas before objects are stored. Requests that come while a namespace's quotas are being written
 * wait for each other and share the next write:
 *
 *   a ── check ── write status ──────────── a stored
 *   b        waits ┐                  ┌──── b stored
 *   c        waits ┴ check both ── write ── c stored
 *
 * A write names the revision that it was made from: a quota that changed meanwhile is read and judged again.
 * Source: apiserver `pkg/admission/plugin/resourcequota/controller.go` (checkAttributes, checkQuotas).
 */
export class Reservations {
  readonly #deps: ReservationDeps;
  readonly #waiting = new Map<string, Waiter[]>();

  constructor(deps: ReservationDeps) {
    this.#deps = deps;
  }

  /** Resolves once the namespace's quotas hold what the request takes. @throws StatusError 403 where they do not. */
  reserve(attempt: AdmissionAttempt, evaluator: Evaluator): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { attempt, evaluator, admit: () => resolve(), refuse: reject };
      const line = this.#waiting.get(attempt.namespace);
      if (line !== undefined) {
        line.push(waiter);
        return;
      }
      this.#waiting.set(attempt.namespace, [waiter]);
      void this.#serve(attempt.namespace);
    });
  }

  async #serve(namespace: string): Promise<void> {
    for (;;) {
      const line = this.#waiting.get(namespace) ?? [];
      if (line.length === 0) break;
      this.#waiting.set(namespace, []);
      try {
        const quotas = await this.#deps.quotasOf(namespace);
        await this.#settle(quotas.map(stateOf), line, RETRIES);
      } catch (error) {
        for (const waiter of line) waiter.refuse(error);
      }
    }
    this.#waiting.delete(namespace);
  }

  async #settle(original: readonly QuotaState[], line: readonly Waiter[], retries: number): Promise<void> {
    let states = original;
    const depending: Waiter[] = [];
    for (const waiter of line) {
      try {
        const next = checkRequest(states, waiter.attempt, waiter.evaluator, this.#deps.clock.nowMs());
        if (next === states || waiter.attempt.dryRun) waiter.admit();
        else {
          states = next;
          depending.push(waiter);
        }
      } catch (error) {
        waiter.refuse(error);
      }
    }
    const failed: QuotaState[] = [];
    let lastError: unknown;
    for (const [index, state] of states.entries()) {
      const before = original[index];
      if (before !== undefined && isUnchanged(before, state)) continue;
      try {
        await this.#deps.client.update(resourcequotas, withUsed(state), { subresource: 'status' });
      } catch (error) {
        failed.push(state);
        lastError = error;
      }
    }
    if (failed.length === 0) {
      for (const waiter of depending) waiter.admit();
      return;
    }
    if (retries === 0) throw lastError;
    // Quotas that were written hold the requests already: only the others are asked again.
    const fresh = await Promise.all(failed.map(({ quota }) => this.#read(quota)));
    await this.#settle(fresh.filter((quota) => quota !== undefined).map(stateOf), depending, retries - 1);
  }

  /** As it is now; undefined where it is gone, and limits nothing any more. */
  async #read({ metadata }: ResourceQuota): Promise<ResourceQuota | undefined> {
    const { namespace, name = '' } = metadata ?? {};
    try {
      return await this.#deps.client.get(resourcequotas, { namespace: namespace ?? '', name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
