import { type AnyObject, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { ServedItem } from '../pages.ts';

/** Bytes of stored objects that are sent to be converted at once, unless one object alone has more. */
const BATCH_BYTES = 1 << 20;
const BATCH_OBJECTS = 100;

/**
 * Shows stored objects in one version of their kind. Where that is the storage version, it hands through objects and
 * bytes; else it converts, once for each stored object.
 */
export class VersionView {
  readonly #definition: ResourceDefinition;
  readonly #converted = new WeakMap<ServedItem, ServedItem>();
  /** Objects that somebody else is asked about just now. */
  readonly #asked = new WeakMap<ServedItem, Promise<void>>();

  constructor(definition: ResourceDefinition) {
    this.#definition = definition;
  }

  /** Whether stored bytes can be served as they are. */
  get isIdentity(): boolean {
    const { convert, remote } = this.#definition;
    return convert === undefined && remote === undefined;
  }

  /** Whether objects must be made ready before they are shown. */
  get isRemote(): boolean {
    return this.#definition.remote !== undefined;
  }

  /** Undefined where {@link toServed} can show all of them; else resolves when it can. @throws StatusError 500 */
  prepare(items: readonly ServedItem[]): Promise<void> | undefined {
    if (this.#definition.remote === undefined) return undefined;
    const unknown = items.filter((item) => !this.#converted.has(item));
    return unknown.length === 0 ? undefined : this.#prepare(unknown);
  }

  toServed(stored: ServedItem): ServedItem {
    if (this.isIdentity) return stored;
    const known = this.#converted.get(stored);
    if (known !== undefined) return known;
    if (this.isRemote) throw new Error(`${this.#definition.plural} are shown before they are converted`);
    const served = new ConvertedItem(stored, (object) => this.#convert(object));
    this.#converted.set(stored, served);
    return served;
  }

  /** {@link toServed}, once it can. */
  show(stored: ServedItem): ServedItem | Promise<ServedItem> {
    const preparing = this.prepare([stored]);
    return preparing === undefined ? this.toServed(stored) : preparing.then(() => this.toServed(stored));
  }

  /** The object as it is to be stored. May be the same object. */
  toStorage(object: AnyObject): AnyObject | Promise<AnyObject> {
    const { convert, remote } = this.#definition;
    if (remote !== undefined) return remote.toStorage(object);
    return convert === undefined ? object : convert.toStorage(object);
  }

  async #prepare(items: readonly ServedItem[]): Promise<void> {
    const fresh = items.filter((item) => !this.#asked.has(item));
    const running = new Set(items.flatMap((item) => this.#asked.get(item) ?? []));
    // One after the other: whoever converts need not bear a whole collection at once.
    let asking = Promise.resolve();
    for (const batch of toBatches(fresh)) {
      asking = asking.then(() => this.#ask(batch));
      for (const item of batch) this.#asked.set(item, asking);
    }
    try {
      await Promise.all([...running, asking]);
    } finally {
      for (const item of fresh) this.#asked.delete(item);
    }
  }

  async #ask(batch: readonly ServedItem[]): Promise<void> {
    const { remote } = this.#definition;
    const objects = (await remote?.fromStorage(batch.map(({ object }) => object))) ?? [];
    for (const [index, stored] of batch.entries()) {
      const object = objects[index] ?? stored.object;
      this.#converted.set(stored, new ConvertedItem(stored, () => object));
    }
  }

  #convert(object: AnyObject): AnyObject {
    const converted = this.#definition.convert?.fromStorage(object) ?? object;
    if (converted === object) return object;
    return { ...converted, apiVersion: toApiVersion(this.#definition), kind: this.#definition.kind };
  }
}

function toBatches(items: readonly ServedItem[]): readonly (readonly ServedItem[])[] {
  const batches: ServedItem[][] = [];
  let bytes = 0;
  for (const item of items) {
    const last = batches.at(-1);
    bytes += item.json.length;
    if (last === undefined || last.length >= BATCH_OBJECTS || bytes > BATCH_BYTES) {
      batches.push([item]);
      bytes = item.json.length;
    } else last.push(item);
  }
  return batches;
}

/** Converts when first asked. What conversion leaves as it is, keeps its bytes too. */
class ConvertedItem implements ServedItem {
  readonly #stored: ServedItem;
  readonly #convert: (object: AnyObject) => AnyObject;
  #object: AnyObject | undefined;
  #json: Buffer | undefined;

  constructor(stored: ServedItem, convert: (object: AnyObject) => AnyObject) {
    this.#stored = stored;
    this.#convert = convert;
  }

  get object(): AnyObject {
    this.#object ??= deepFreeze(this.#convert(this.#stored.object));
    return this.#object;
  }

  get json(): Buffer {
    const { object } = this;
    if (object === this.#stored.object) return this.#stored.json;
    this.#json ??= Buffer.from(JSON.stringify(object));
    return this.#json;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
