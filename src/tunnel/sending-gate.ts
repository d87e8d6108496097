import type { Timer } from '../std/clock.ts';

/** After so long a pause the two sides may be waiting for each other. */
const STALL_MS = 1_000;
/** How long the peer may write before it is asked whether it is still full. */
const WINDOW_MS = 100;
/** A peer that is full says so within this time. */
const ANSWER_MS = 500;

export interface SendingGateOptions {
  /** Lets the peer write: a Resume. */
  lift(): void;
  /** A Data message without bytes: a peer that is full answers with a Pause, and one that is not says nothing. */
  probe(): void;
  /** Whether our own reader keeps up, so that the peer may write. */
  mayLift(): boolean;
  after(delayMs: number, run: () => void): Timer;
}

/**
 * Holds back what a connection sends while its peer cannot take more.
 *
 * Agents keep one flag for both directions: one that asks us to pause stops its own writes as well, until it hears a
 * Resume, and its own Resume does not wake them. Two ways lead from there into a silence that lasts for ever:
 *
 * - It has drained and told us, while an answer of the kubelet still sleeps (`kubectl cp` to a slow pod, whose last word
 *   never comes). So each Resume is answered with one.
 * - It cannot drain, since what is behind it waits for its own output to be taken (`kubectl exec -i … cat`). So a pause
 *   that lasts is lifted for the peer alone, and a moment later a probe asks whether it is still full. Nothing but the
 *   probe is sent before that is known: a peer that is only slow does not fill up by it.
 *
 * Source: rancher/remotedialer `back_pressure.go`, `readbuffer.go` (its own server is caught by both).
 */
export class SendingGate {
  readonly #options: SendingGateOptions;
  #paused = false;
  #held: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: SendingGateOptions) {
    this.#options = options;
  }

  /** Sends now, or once the peer takes more. At most one waits: a stream has one write under way. */
  pass(send: () => void): void {
    if (this.#paused) this.#held = send;
    else send();
  }

  /** The peer asked for a pause. */
  pause(): void {
    this.#paused = true;
    this.#wait(STALL_MS, () => this.#lift());
  }

  /** The peer takes more. */
  resume(): void {
    this.open();
    if (this.#options.mayLift()) this.#options.lift();
  }

  /** Lets everything pass, as at the end of a connection. */
  open(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#paused = false;
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  #lift(): void {
    if (!this.#options.mayLift()) {
      this.#wait(STALL_MS, () => this.#lift());
      return;
    }
    this.#options.lift();
    this.#wait(WINDOW_MS, () => {
      this.#options.probe();
      // A Pause in the meantime begins a new wait in place of this one.
      this.#wait(ANSWER_MS, () => this.open());
    });
  }

  #wait(delayMs: number, run: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.after(delayMs, run);
  }
}
