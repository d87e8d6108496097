import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { isDeepEqual, isFields, ownOf } from './json-values.ts';
import { indexByMapKeys } from './list-types.ts';

/**
 * A value of an updated object beside the value that it replaces: fields by name, items of a list by their map keys.
 * What has no counterpart has no node. Faults of values that did not change are forgiven.
 *
 * Source: apiserver `pkg/cel/common/equality.go` (CorrelatedObject).
 */
export class Correlated {
  readonly value: unknown;
  readonly #old: unknown;
  readonly #schema: JSONSchemaProps;
  readonly #children = new Map<string | number, Correlated | undefined>();
  #equal: boolean | undefined;
  #find: ((like: unknown) => unknown) | undefined;

  constructor(value: unknown, old: unknown, schema: JSONSchemaProps) {
    this.value = value;
    this.#old = old;
    this.#schema = schema;
  }

  /** The field of an object or the entry of a map; undefined where either side has none. */
  key(name: string): Correlated | undefined {
    if (this.#children.has(name)) return this.#children.get(name);
    const child = this.#makeKey(name);
    this.#children.set(name, child);
    return child;
  }

  #makeKey(name: string): Correlated | undefined {
    const { value } = this;
    const old = this.#old;
    if (!isFields(value) || !isFields(old)) return undefined;
    if (!Object.hasOwn(value, name) || !Object.hasOwn(old, name)) return undefined;
    const { properties, additionalProperties } = this.#schema;
    const schema = ownOf(properties, name) ?? additionalProperties;
    return typeof schema === 'object' ? new Correlated(value[name], old[name], schema) : undefined;
  }

  /** The item of a list whose items have keys; undefined for any other list and for new items. */
  index(at: number): Correlated | undefined {
    if (this.#children.has(at)) return this.#children.get(at);
    const child = this.#makeIndex(at);
    this.#children.set(at, child);
    return child;
  }

  #makeIndex(at: number): Correlated | undefined {
    const { value } = this;
    const old = this.#old;
    const items = this.#schema.items as JSONSchemaProps | undefined;
    if (!Array.isArray(value) || !Array.isArray(old) || items === undefined) return undefined;
    if (this.#schema['x-kubernetes-list-type'] !== 'map' || at >= value.length) return undefined;
    this.#find ??= indexByMapKeys(old, this.#schema['x-kubernetes-list-map-keys'] ?? []);
    const before = this.#find(value[at]);
    return before === undefined ? undefined : new Correlated(value[at], before, items);
  }

  /** Whether nothing changed. Items of lists with keys may stand in another order. */
  get isUnchanged(): boolean {
    this.#equal ??= this.#compare();
    return this.#equal;
  }

  #compare(): boolean {
    const { value } = this;
    const old = this.#old;
    if (Array.isArray(value) && Array.isArray(old)) {
      if (value.length !== old.length) return false;
      if (this.#schema['x-kubernetes-list-type'] !== 'map') return isDeepEqual(value, old);
      return value.every((_, at) => this.index(at)?.isUnchanged ?? false);
    }
    if (isFields(value) && isFields(old)) {
      const names = Object.keys(value);
      if (names.length !== Object.keys(old).length) return false;
      return names.every((name) => this.key(name)?.isUnchanged ?? false);
    }
    return isDeepEqual(value, old);
  }
}
