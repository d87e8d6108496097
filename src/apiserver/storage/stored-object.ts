import { deepFreeze } from '../../client/freeze.ts';
import { parseExactJson } from '../../machinery/codecs/json/exact-numbers.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { type ObjectBytes, withRevision } from './object-bytes.ts';
import { isSameJson } from './same-json.ts';

/** What selectors look at, taken from an object once. */
export interface SelectorIndex {
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

/** Judges by labels and selectable fields, without the object. */
export interface Selector {
  /** Set where it asks for one object by its name, so that nothing can follow it. */
  readonly isSingle?: boolean | undefined;
  matches(labels: Readonly<Record<string, string>>, fields: Readonly<Record<string, string>>): boolean;
}

/** Reads the index of an object; one for each storage prefix. */
export type IndexOf = (object: AnyObject) => SelectorIndex;

/**
 * One revision of one object. Its bytes are what GET writes, LIST joins and watchers get; the parsed form is made when
 * first asked for, and is frozen and shared.
 */
export class StoredObject {
  readonly key: string;
  readonly revision: bigint;
  /** JSON with resourceVersion in place. Never change it. */
  readonly json: Buffer;
  readonly #fieldStart: number;
  readonly #fieldEnd: number;
  readonly index: SelectorIndex;
  #object: AnyObject | undefined;
  #encodings: Map<string, Buffer> | undefined;

  private constructor(key: string, revision: bigint, bytes: ObjectBytes, index: SelectorIndex) {
    const { json, start, end } = withRevision(bytes, revision);
    this.key = key;
    this.revision = revision;
    this.json = json;
    this.#fieldStart = start;
    this.#fieldEnd = end;
    this.index = index;
  }

  /** @param object - What the bytes say; read for the index and not kept. */
  static create(key: string, revision: bigint, bytes: ObjectBytes, object: AnyObject, indexOf: IndexOf): StoredObject {
    return new StoredObject(key, revision, bytes, indexOf(object));
  }

  /** Further encodings of this revision, kept by whoever makes them. */
  get encodings(): Map<string, Buffer> {
    this.#encodings ??= new Map();
    return this.#encodings;
  }

  get object(): AnyObject {
    this.#object ??= deepFreeze(parseExactJson(this.json.toString('utf8')) as AnyObject);
    return this.#object;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.index.labels;
  }

  get fields(): Readonly<Record<string, string>> {
    return this.index.fields;
  }

  /** The same state at another revision: how a deletion shows what was deleted. */
  at(revision: bigint): StoredObject {
    return new StoredObject(this.key, revision, this.#bytes(), this.index);
  }

  /** Whether writing these bytes would change nothing. */
  hasBytes({ bytes }: ObjectBytes): boolean {
    const { json } = this;
    const start = this.#fieldStart;
    const end = this.#fieldEnd;
    if (bytes.length !== json.length - (end - start)) return false;
    return (
      json.compare(bytes, 0, start, 0, start) === 0 && json.compare(bytes, start, bytes.length, end, json.length) === 0
    );
  }

  /**
   * Whether writing this object would change nothing. Fields may stand in another order, as a client that sends them
   * so changes nothing for upstream either.
   */
  isSame(object: AnyObject, encoded: ObjectBytes): boolean {
    if (this.hasBytes(encoded)) return true;
    if (encoded.bytes.length !== this.json.length - (this.#fieldEnd - this.#fieldStart)) return false;
    const { metadata, ...rest } = object;
    const { resourceVersion } = this.object.metadata;
    return isSameJson({ ...rest, metadata: { ...metadata, resourceVersion } }, this.object);
  }

  #bytes(): ObjectBytes {
    const { json } = this;
    return {
      bytes: Buffer.concat([json.subarray(0, this.#fieldStart), json.subarray(this.#fieldEnd)]),
      at: this.#fieldStart,
    };
  }
}
