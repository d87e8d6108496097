/** What a reconcile asks for; a throw means: again, with back-off. */
export interface Result {
  /** Reconcile again after so many milliseconds, whatever happens meanwhile. */
  readonly requeueAfterMs?: number | undefined;
}

export const done: Result = {};

/**
 * Brings what is named by the key to where it should be. It gets a name, never an event, so it must look at everything
 * that matters each time: that makes it level-triggered. Throwing retries with back-off.
 */
export interface Reconciler {
  reconcile(key: string, signal: AbortSignal): Promise<Result>;
}
