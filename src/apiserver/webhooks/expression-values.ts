import { CelMap, type CelValue } from '../../machinery/cel/values.ts';

/** JSON as expressions see it that know nothing of its types: whole numbers are integers, fields keys of maps. */
export function toDynamicValue(value: unknown): CelValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isInteger(value) ? BigInt(value) : value;
    case 'object':
      if (value === null) return null;
      if (Array.isArray(value)) return value.map(toDynamicValue);
      return new LazyMap(value as Readonly<Record<string, unknown>>);
    default:
      return null;
  }
}

/** Values are made when they are looked at: expressions read little of large objects. */
class LazyMap extends CelMap {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #made = new Map<string, CelValue>();

  constructor(fields: Readonly<Record<string, unknown>>) {
    super([]);
    this.#fields = fields;
  }

  override get size(): number {
    return this.keys().length;
  }

  override find(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.#fields, key) || this.#fields[key] === undefined)
      return undefined;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = toDynamicValue(this.#fields[key]);
    this.#made.set(key, made);
    return made;
  }

  override has(key: CelValue): boolean {
    return this.find(key) !== undefined;
  }

  override keys(): readonly CelValue[] {
    return Object.keys(this.#fields).filter((key) => this.#fields[key] !== undefined);
  }
}
