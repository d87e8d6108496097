import type { OpaqueValue } from '../values.ts';

/** A value of a library's type; `same` tells whether two of them are equal. */
export class LibraryValue<T> implements OpaqueValue {
  readonly opaqueType: string;
  readonly value: T;
  readonly #same: (a: T, b: T) => boolean;

  constructor(opaqueType: string, value: T, same: (a: T, b: T) => boolean) {
    this.opaqueType = opaqueType;
    this.value = value;
    this.#same = same;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof LibraryValue && this.#same(this.value, other.value as T);
  }
}
