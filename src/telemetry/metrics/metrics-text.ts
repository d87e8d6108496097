const CHUNK_BYTES = 64 * 1024;
/** What one character may take in UTF-8, of those that are one in JavaScript. */
const MOST_BYTES = 3;

/**
 * Puts text together as bytes. Written piece by piece, so that a large text leaves nothing behind: the lines of a busy
 * server would widen the heap for good.
 */
export class MetricsText {
  readonly #full: Buffer[] = [];
  #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #at = 0;

  write(text: string): void {
    const most = text.length * MOST_BYTES;
    if (this.#at + most > this.#chunk.length) this.#next(most);
    this.#at += this.#chunk.write(text, this.#at);
  }

  /** All that was written, in pieces. */
  end(): readonly Buffer[] {
    return this.#at === 0 ? this.#full : [...this.#full, this.#chunk.subarray(0, this.#at)];
  }

  #next(least: number): void {
    if (this.#at > 0) this.#full.push(this.#chunk.subarray(0, this.#at));
    this.#chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, least));
    this.#at = 0;
  }
}
