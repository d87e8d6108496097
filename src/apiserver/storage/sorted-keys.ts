/** Keys in byte order. An insertion moves what is behind it: cheap memory moves, also for 100,000 keys. */
export class SortedKeys {
  readonly #keys: string[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** Takes keys that are sorted already. */
  load(sorted: readonly string[]): void {
    this.#keys.length = 0;
    for (const key of sorted) this.#keys.push(key);
  }

  add(key: string): void {
    const at = this.firstFrom(key);
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key);
  }

  delete(key: string): void {
    const at = this.firstFrom(key);
    if (this.#keys[at] === key) this.#keys.splice(at, 1);
  }

  at(index: number): string | undefined {
    return this.#keys[index];
  }

  /** Index of the first key that is not before `key`. */
  firstFrom(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index range of the keys with a prefix, or of those behind `startAfter`, which need not be there. */
  range(prefix: string, startAfter?: string): { readonly start: number; readonly end: number } {
    const first = this.firstFrom(prefix);
    const start = startAfter === undefined ? first : Math.max(first, this.firstFrom(`${startAfter}\0`));
    const last = prefix.charCodeAt(prefix.length - 1);
    const end = this.firstFrom(prefix.slice(0, -1) + String.fromCharCode(last + 1));
    return { start, end };
  }
}
