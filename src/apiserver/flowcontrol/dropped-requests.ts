/** Source: apiserver `pkg/util/flowcontrol/dropped_requests_tracker.go`. */

const MAX_SECONDS = 32;

interface History {
  /** Refused requests by second, oldest first; the last one is still counted. */
  seconds: { readonly second: number; count: number }[];
  retryAfter: number;
  raisedAt: number;
}

/** Tells refused clients how long to stay away: the longer, the more were refused lately. */
export class DroppedRequests {
  readonly #levels = new Map<string, History>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Counts a refused request of a level. @returns seconds until it should try again */
  record(level: string): number {
    const second = Math.floor(this.#nowMs() / 1000);
    let history = this.#levels.get(level);
    if (history === undefined) {
      history = { seconds: [], retryAfter: 1, raisedAt: 0 };
      this.#levels.set(level, history);
    }
    const last = history.seconds.at(-1);
    if (last?.second === second) {
      last.count++;
      return history.retryAfter;
    }
    revise(history, second);
    const oldest = second - Math.min(2 * history.retryAfter, MAX_SECONDS);
    history.seconds = [...history.seconds.filter((each) => each.second >= oldest), { second, count: 1 }];
    return history.retryAfter;
  }
}

/** Doubles the time where at least three a second were refused in it, and shortens it where less than one was. */
function revise(history: History, second: number): void {
  const { seconds, retryAfter, raisedAt } = history;
  let dropped = 0;
  for (const each of seconds) if (second - each.second <= retryAfter) dropped += each.count;
  if (second - raisedAt >= retryAfter && dropped >= 3 * retryAfter) {
    history.retryAfter = Math.min(retryAfter * 2, MAX_SECONDS);
    history.raisedAt = second;
  } else if (dropped < retryAfter && retryAfter > 1) history.retryAfter = retryAfter - 1;
}
