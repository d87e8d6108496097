/** A part of the rules that takes long to load and that few objects need. */
export class LazyPart<T> {
  readonly #read: () => Promise<T>;
  #loaded: T | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  async load(): Promise<void> {
    this.#loaded ??= await this.#read();
  }

  /** @throws Error where it was not loaded before */
  get(): T {
    if (this.#loaded === undefined) throw new Error('a part of the rules is not loaded');
    return this.#loaded;
  }
}
