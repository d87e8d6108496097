/** So often within the time below an object is put right at once; then it is somebody's who does not give in. */
const AT_ONCE = 10;
const WITHIN_MS = 60_000;
/** How long it stays as others want it before it is put right again. */
const PAUSE_MS = 15_000;

/** Somebody changes an object back again and again: it is put right later. */
export class ContestedError extends Error {
  override readonly name = 'ContestedError';
}

/** Counts how often objects were put right, so that a quarrel with another controller costs the host little. */
export class Repairs {
  readonly #times = new Map<string, Map<string, readonly number[]>>();

  /** @throws ContestedError where it was put right too often of late. */
  note(tenant: string, object: string, nowMs: number): void {
    const own = this.#times.get(tenant) ?? new Map<string, readonly number[]>();
    const recent = (own.get(object) ?? []).filter((ms) => nowMs - ms < WITHIN_MS);
    if (recent.length >= AT_ONCE && nowMs - (recent.at(-1) ?? 0) < PAUSE_MS)
      throw new ContestedError(
        `${object} is changed again and again by somebody else, and put right more seldom now: its managedFields tell who`,
      );
    this.#times.set(tenant, own.set(object, [...recent, nowMs].slice(-AT_ONCE)));
  }

  forget(tenant: string): void {
    this.#times.delete(tenant);
  }
}
