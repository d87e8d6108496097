import type { PriorityLevelConfigurationSpec } from '../../generated/api/flowcontrol/v1.ts';
import { FairQueues, type QueueShape } from './fair-queues.ts';

/** Source: apiserver `pkg/util/flowcontrol/apf_controller.go`. */

/** Gives the seat back; to be called once. */
export type Seat = () => void;

export interface SeatRequest {
  /** Whose fair part the request belongs to. */
  readonly flow: string;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Seats of a level: its part, those that it never lends, the most that it may have, and what it could have now. */
export interface SeatLimits {
  readonly nominal: number;
  readonly lower: number;
  readonly upper: number;
  readonly current: number;
}

export interface SeatPoolDeps {
  /** Requests that the server works on at a time. */
  readonly seats: number;
  nowMs(): number;
  after(delayMs: number, run: () => void): { cancel(): void };
}

interface Level {
  spec: PriorityLevelConfigurationSpec;
  /** Its part of all seats; how many of them it never lends; how many it may take together with what others lend. */
  nominal: number;
  own: number;
  most: number;
  executing: number;
  readonly queues: FairQueues;
}

/**
 * The seats of a server, shared out among priority levels. A level always gets those that it does not lend; what levels
 * lend and do not use is anybody's, up to each one's limit, and goes to levels below their part first. A level that is
 * gone keeps its part until its requests are through.
 */
export class SeatPool {
  readonly #deps: SeatPoolDeps;
  readonly #levels = new Map<string, Level>();
  #wanted: ReadonlySet<string> = new Set();
  #total = 0;

  constructor(deps: SeatPoolDeps) {
    this.#deps = deps;
  }

  /** Shares the seats out anew. */
  configure(specs: ReadonlyMap<string, PriorityLevelConfigurationSpec>): void {
    this.#wanted = new Set(specs.keys());
    for (const [name, spec] of specs) {
      const known = this.#levels.get(name);
      if (known !== undefined) known.spec = spec;
      else this.#levels.set(name, { spec, nominal: 0, own: 0, most: 0, executing: 0, queues: new FairQueues() });
    }
    this.#share();
    this.#dispatch();
  }

  /** @returns a seat at once, later, or undefined where there is none to be had in time. Unknown levels have no limits. */
  take(name: string, request: SeatRequest): Seat | Promise<Seat | undefined> | undefined {
    const level = this.#levels.get(name);
    if (level === undefined || level.spec.type === 'Exempt') return free;
    if (level.queues.waiting === 0 && this.#hasSeat(level)) return this.#seat(name, level);
    const shape = shapeOf(level.spec);
    return shape === undefined ? undefined : this.#wait(name, level, shape, request);
  }

  /** Requests of a level that run and wait. */
  load(name: string): { readonly executing: number; readonly waiting: number } {
    const level = this.#levels.get(name);
    return { executing: level?.executing ?? 0, waiting: level?.queues.waiting ?? 0 };
  }

  /** What each level may take. */
  limits(): ReadonlyMap<string, SeatLimits> {
    const used = [...this.#levels.values()].reduce((sum, { executing, own }) => sum + Math.max(executing, own), 0);
    const left = Math.max(0, this.#total - used);
    const entries = [...this.#levels].map(([name, { nominal, own, most, executing }]) => {
      const current = Math.min(most, Math.max(executing, own) + left);
      return [name, { nominal, lower: own, upper: most, current }] as const;
    });
    return new Map(entries);
  }

  #share(): void {
    for (const [name, { executing, queues }] of this.#levels) {
      if (!this.#wanted.has(name) && executing === 0 && queues.waiting === 0) this.#levels.delete(name);
    }
    const { seats } = this.#deps;
    let sum = 0;
    for (const { spec } of this.#levels.values()) sum += sharesOf(spec);
    this.#total = 0;
    for (const level of this.#levels.values()) {
      const { limited, exempt } = level.spec;
      const { lendablePercent = 0 } = limited ?? exempt ?? {};
      const { borrowingLimitPercent } = limited ?? {};
      level.nominal = sum === 0 ? 0 : Math.ceil((seats * sharesOf(level.spec)) / sum);
      level.own = level.nominal - Math.round((level.nominal * lendablePercent) / 100);
      const borrowable =
        borrowingLimitPercent === undefined ? seats : Math.round((level.nominal * borrowingLimitPercent) / 100);
      level.most = level.nominal + borrowable;
      this.#total += level.nominal;
    }
  }

  #hasSeat(level: Level): boolean {
    if (level.executing < level.own) return true;
    // Where nothing waits, one at a time goes through however small the part.
    if (level.executing === 0 && shapeOf(level.spec) === undefined) return true;
    if (level.executing >= level.most) return false;
    let left = this.#total;
    for (const { executing, own } of this.#levels.values()) left -= Math.max(executing, own);
    return left > 0;
  }

  #seat(name: string, level: Level, done?: (tookMs: number) => void): Seat {
    const { nowMs } = this.#deps;
    const startedMs = done === undefined ? 0 : nowMs();
    level.executing++;
    return () => {
      level.executing--;
      done?.(nowMs() - startedMs);
      if (level.executing === 0 && !this.#wanted.has(name)) this.#share();
      this.#dispatch();
    };
  }

  #wait(name: string, level: Level, shape: QueueShape, request: SeatRequest): Promise<Seat | undefined> {
    const { flow, waitMs, signal } = request;
    return new Promise((resolve) => {
      const leave = level.queues.enqueue(shape, flow, {
        admit: (done) => settle(this.#seat(name, level, done)),
      });
      const giveUp = (): void => {
        leave?.();
        settle(undefined);
      };
      const timer = this.#deps.after(waitMs, giveUp);
      const settle = (seat: Seat | undefined): void => {
        timer.cancel();
        signal.removeEventListener('abort', giveUp);
        resolve(seat);
      };
      if (leave === undefined || signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #dispatch(): void {
    for (;;) {
      let next: Level | undefined;
      for (const level of this.#levels.values()) {
        if (level.queues.waiting === 0 || !this.#hasSeat(level)) continue;
        if (next === undefined || fullness(level) < fullness(next)) next = level;
      }
      if (next === undefined) return;
      next.queues.dispatch();
    }
  }
}

const free: Seat = () => {};

function fullness({ executing, nominal }: Level): number {
  return executing / Math.max(nominal, 1);
}

function sharesOf({ limited, exempt }: PriorityLevelConfigurationSpec): number {
  return (limited ?? exempt)?.nominalConcurrencyShares ?? 0;
}

function shapeOf({ limited }: PriorityLevelConfigurationSpec): QueueShape | undefined {
  const queuing = limited?.limitResponse?.type === 'Queue' ? limited.limitResponse.queuing : undefined;
  if (queuing === undefined) return undefined;
  const { queues = 1, handSize = 1, queueLengthLimit = 0 } = queuing;
  return { queues, handSize, queueLengthLimit };
}
