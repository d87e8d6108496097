import { Duplex } from 'node:stream';
import type { Timer } from '../std/clock.ts';
import { SendingGate } from './sending-gate.ts';

/** A peer that understands it is asked to pause beyond this, and to go on below the other. Source: remotedialer `backpressure.go`. */
const PAUSE_BYTES = 1 << 21;
const RESUME_BYTES = PAUSE_BYTES / 8;
/**
 * Agents before 1.25 know no pause and go on all the same. Beyond this the whole tunnel is not read any more, until the
 * reader has caught up: no memory is taken, and the agent's own writes wait. So did the servers of their time. Source:
 * remotedialer v0.2.0 `connection.go`.
 */
const HOLD_BYTES = 16 << 20;
/**
 * So much must be read before more is taken. Little, so that the tunnel goes on at the pace of its slowest reader rather
 * than by fits and starts: an agent whose ping cannot be written within a second has lost its tunnel.
 */
const HOLD_STEP_BYTES = 256 * 1024;
/** Messages that wait: each takes memory beside its bytes, however few these are. */
const HOLD_MESSAGES = 1 << 15;
const HOLD_STEP_MESSAGES = 1 << 9;
/**
 * A reader that takes nothing for so long while the tunnel waits for it is cut off, for the sake of the node's other
 * streams: agents give a tunnel up where a message of theirs does not get out within ten seconds.
 */
const HOLD_STALL_MS = 8_000;

/** What a connection needs of its session. */
export interface ConnectionPeer {
  send(kind: 'data' | 'pause' | 'resume', payload: Buffer, done?: (error?: Error | null) => void): void;
  /** Tells the peer that the connection is over, and forgets it. */
  end(reason: string): void;
  after(delayMs: number, run: () => void): Timer;
  /** Stops reading all that the peer sends, for any of its connections. */
  hold(): void;
  /** Reads again, unless another connection holds the tunnel. */
  release(): void;
}

/** One byte stream through a tunnel. Ending or destroying it closes both directions: the protocol has no half-close. */
export class TunnelConnection extends Duplex {
  readonly target: string;
  readonly #peer: ConnectionPeer;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #messagesRead = 0;
  #wantsData = false;
  #askedToPause = false;
  readonly #gate: SendingGate;
  /** Runs while this connection holds the whole tunnel. */
  #held: Timer | undefined;
  #over = false;
  /** Why the stream breaks once everything that came before has been read. */
  #fault: Error | undefined;

  constructor(target: string, peer: ConnectionPeer) {
    super({ allowHalfOpen: false });
    // A tunnel breaks at any time, also while nobody has the stream in hand: before it is taken, or after it was used.
    this.on('error', () => {});
    this.target = target;
    this.#peer = peer;
    this.#gate = new SendingGate({
      lift: () => peer.send('resume', EMPTY),
      probe: () => peer.send('data', EMPTY),
      mayLift: () => !this.#over && !this.#askedToPause && this.#waitingBytes < RESUME_BYTES,
      after: peer.after,
    });
  }

  /** Takes bytes of the peer. */
  accept(bytes: Buffer): void {
    // A message without bytes asks whether there is room.
    if (this.#over || bytes.length === 0) return;
    if (this.#wantsData && this.#waiting.length === 0) {
      this.#wantsData = this.push(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > HOLD_BYTES || this.#waiting.length > HOLD_MESSAGES) this.#hold();
    else if (this.#waitingBytes > PAUSE_BYTES && !this.#askedToPause) {
      this.#askedToPause = true;
      this.#peer.send('pause', EMPTY);
    }
  }

  /** The peer closed, or the session did; what was received before is still delivered. */
  finish(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#fault = error;
    this.#release();
    this.#gate.open();
    if (this.#waiting.length === 0) this.#pushEnd();
  }

  /** The peer cannot take more for now. */
  pauseSending(): void {
    if (!this.#over) this.#gate.pause();
  }

  resumeSending(): void {
    this.#gate.resume();
  }

  override _read(): void {
    this.#wantsData = true;
    while (this.#wantsData && this.#waiting.length > 0) {
      const bytes = this.#waiting.shift() as Buffer;
      this.#waitingBytes -= bytes.length;
      this.#messagesRead += 1;
      this.#wantsData = this.push(bytes);
    }
    const hasRoom =
      this.#waitingBytes <= HOLD_BYTES - HOLD_STEP_BYTES && this.#waiting.length <= HOLD_MESSAGES - HOLD_STEP_MESSAGES;
    if (hasRoom) this.#release();
    if (this.#askedToPause && this.#waitingBytes < RESUME_BYTES) {
      this.#askedToPause = false;
      this.#peer.send('resume', EMPTY);
    }
    if (this.#over && this.#waiting.length === 0) this.#pushEnd();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const send = (): void => {
      // As a socket takes what its peer will never read: an error would break the stream, and lose what came before the
      // end. That it is over, and why, is told by the reading side.
      if (this.#over) done();
      else this.#peer.send('data', chunk, done);
    };
    this.#gate.pass(send);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#tellEnd('EOF');
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#tellEnd(error?.message ?? 'EOF');
    this.#release();
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    done(error);
  }

  #hold(): void {
    if (this.#held !== undefined) return;
    this.#peer.hold();
    this.#watchReader();
  }

  #watchReader(): void {
    const before = this.#messagesRead;
    this.#held = this.#peer.after(HOLD_STALL_MS, () => {
      if (this.#messagesRead > before) this.#watchReader();
      else this.destroy(new Error(`${this.target}: the reader is too slow`));
    });
  }

  #release(): void {
    if (this.#held === undefined) return;
    this.#held.cancel();
    this.#held = undefined;
    this.#peer.release();
  }

  #tellEnd(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#peer.end(reason);
    this.#gate.open();
    if (this.#waiting.length === 0) this.#pushEnd();
  }

  #pushEnd(): void {
    if (this.readableEnded || this.destroyed) return;
    if (this.#fault === undefined) this.push(null);
    else if (this.readableLength === 0) this.destroy(this.#fault);
    // Breaking drops what the stream holds: an empty chunk asks to be called again after the next read.
    else this.push(EMPTY);
  }
}

const EMPTY = Buffer.alloc(0);
