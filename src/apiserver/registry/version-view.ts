import { type AnyObject, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { ServedItem } from '../pages.ts';

/**
 * Shows stored objects in one version of their kind. Where that is the storage version, it hands through objects and
 * bytes; else it converts, once for each stored object.
 */
export class VersionView {
  readonly #definition: ResourceDefinition;
  readonly #converted = new WeakMap<ServedItem, ServedItem>();

  constructor(definition: ResourceDefinition) {
    this.#definition = definition;
  }

  /** Whether stored bytes can be served as they are. */
  get isIdentity(): boolean {
    return this.#definition.convert === undefined;
  }

  toServed(stored: ServedItem): ServedItem {
    const { convert } = this.#definition;
    if (convert === undefined) return stored;
    const known = this.#converted.get(stored);
    if (known !== undefined) return known;
    const served = new ConvertedItem(stored, (object) => this.#convert(object));
    this.#converted.set(stored, served);
    return served;
  }

  /** The object as it is to be stored. May be the same object. */
  toStorage(object: AnyObject): AnyObject {
    const { convert } = this.#definition;
    return convert === undefined ? object : convert.toStorage(object);
  }

  #convert(object: AnyObject): AnyObject {
    const converted = this.#definition.convert?.fromStorage(object) ?? object;
    if (converted === object) return object;
    return { ...converted, apiVersion: toApiVersion(this.#definition), kind: this.#definition.kind };
  }
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
