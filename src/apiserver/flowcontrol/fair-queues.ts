import { createHash } from 'node:crypto';

/** Source of the rules: apiserver `pkg/util/shufflesharding`, `pkg/util/flowcontrol/fairqueuing/queueset`. */

export interface QueueShape {
  readonly queues: number;
  /** Queues that one flow may use. */
  readonly handSize: number;
  /** Requests that may wait in one queue. */
  readonly queueLengthLimit: number;
}

/** A request that waits. */
export interface Waiter {
  /** Called once, when its turn has come. `done` tells how long it took, which its queue is charged with. */
  admit(done: (tookMs: number) => void): void;
}

interface Queue {
  readonly index: number;
  readonly waiting: Waiter[];
  executing: number;
  /** Virtual time at which its next request begins: the service it had so far, and never less than others have now. */
  start: number;
}

/** What a request is taken to cost until it is known. */
const ESTIMATE_MS = 3;

/**
 * The queues of one priority level. A flow is dealt a few of them and waits in the shortest; the queue with the least
 * service goes first, so that a flow which asks for much delays itself more than others. Queues exist while used.
 */
export class FairQueues {
  readonly #queues = new Map<number, Queue>();
  #virtualMs = 0;
  #waiting = 0;
  #enqueued = 0;

  /** Requests that wait in all queues. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Lets a request wait.
   * @returns a function that takes it out again, or undefined where its queue is full
   */
  enqueue(shape: QueueShape, flow: string, waiter: Waiter): (() => void) | undefined {
    const queue = this.#choose(shape, flow);
    if (queue.waiting.length >= shape.queueLengthLimit) {
      this.#drop(queue);
      return undefined;
    }
    if (queue.waiting.length === 0 && queue.executing === 0) queue.start = this.#virtualMs;
    queue.waiting.push(waiter);
    this.#waiting++;
    return () => {
      const at = queue.waiting.indexOf(waiter);
      if (at < 0) return;
      queue.waiting.splice(at, 1);
      this.#waiting--;
      this.#drop(queue);
    };
  }

  /** Admits the request whose turn it is, if one waits. */
  dispatch(): void {
    let next: Queue | undefined;
    for (const queue of this.#queues.values()) {
      if (queue.waiting.length > 0 && (next === undefined || queue.start < next.start)) next = queue;
    }
    const waiter = next?.waiting.shift();
    if (next === undefined || waiter === undefined) return;
    const queue = next;
    this.#waiting--;
    this.#virtualMs = Math.max(this.#virtualMs, queue.start);
    queue.start += ESTIMATE_MS;
    queue.executing++;
    // Of queues that are level, the one that was served goes last.
    this.#queues.delete(queue.index);
    this.#queues.set(queue.index, queue);
    waiter.admit((tookMs) => {
      queue.executing--;
      queue.start += tookMs - ESTIMATE_MS;
      this.#drop(queue);
    });
  }

  #choose({ queues, handSize }: QueueShape, flow: string): Queue {
    const hand = queues > 1 ? dealHand(hashFlow(flow), queues, handSize) : [0];
    const offset = this.#enqueued++ % hand.length;
    let best: Queue | undefined;
    for (let at = 0; at < hand.length; at++) {
      const index = hand[(offset + at) % hand.length] ?? 0;
      const queue = this.#queues.get(index) ?? { index, waiting: [], executing: 0, start: this.#virtualMs };
      if (best === undefined || queue.waiting.length < best.waiting.length) best = queue;
    }
    const chosen = best ?? { index: 0, waiting: [], executing: 0, start: this.#virtualMs };
    this.#queues.set(chosen.index, chosen);
    return chosen;
  }

  #drop(queue: Queue): void {
    if (queue.waiting.length === 0 && queue.executing === 0) this.#queues.delete(queue.index);
  }
}

function hashFlow(flow: string): bigint {
  return createHash('sha256').update(flow).digest().readBigUInt64LE(0);
}

/** Picks `handSize` different cards of a deck, always the same for the same hash. */
export function dealHand(hash: bigint, deckSize: number, handSize: number): number[] {
  const remainders: number[] = [];
  let rest = hash;
  for (let dealt = 0; dealt < Math.min(handSize, deckSize); dealt++) {
    const left = BigInt(deckSize - dealt);
    remainders.push(Number(rest % left));
    rest /= left;
  }
  return remainders.map((remainder, at) => {
    let card = remainder;
    for (let before = at; before > 0; before--) if (card >= (remainders[before - 1] ?? 0)) card++;
    return card;
  });
}
