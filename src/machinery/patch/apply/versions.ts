import type { AnyObject } from '../../object/object.ts';
import type { ObjectShape } from '../../schema/type-schema.ts';
import type { FieldFilter } from './field-filter.ts';
import { type Comparison, compare } from './typed.ts';

/** A version of a kind, as managers of its objects know it. */
export interface VersionShape {
  readonly shape: ObjectShape;
  /** What the endpoint lets its callers own in this version. Default: everything. */
  readonly filter?: FieldFilter | undefined;
}

/** The other versions of a kind: each manager keeps to the one that it wrote in. */
export interface KindVersions {
  /** Undefined for a version that is not served (any more); its managers are forgotten. */
  find(apiVersion: string): VersionShape | undefined;
  /** The object in another version that {@link find} knows. */
  convert(object: AnyObject, apiVersion: string): AnyObject;
}

/** An object in one version of its kind, with its other versions made when they are asked for. */
export interface VersionedShape extends VersionShape {
  readonly apiVersion: string;
  /** Default: the kind has no other version. */
  readonly versions?: KindVersions | undefined;
}

/** The version that a manager keeps to. */
export function versionOf(own: VersionedShape, apiVersion: string): VersionShape | undefined {
  return apiVersion === own.apiVersion ? own : own.versions?.find(apiVersion);
}

/** The object in the version that is asked for, which is served. */
export function convertTo(own: VersionedShape, object: AnyObject, apiVersion: string): AnyObject {
  return object.apiVersion === apiVersion || own.versions === undefined
    ? object
    : own.versions.convert(object, apiVersion);
}

/** What differs between two states of an object, in each version as far as callers may own it. */
export class Changes {
  readonly #own: VersionedShape;
  readonly #before: AnyObject;
  readonly #after: AnyObject;
  readonly #known = new Map<string, Comparison | undefined>();

  constructor(own: VersionedShape, before: AnyObject, after: AnyObject) {
    this.#own = own;
    this.#before = before;
    this.#after = after;
  }

  /** Undefined for a version that is not served. */
  in(apiVersion: string): Comparison | undefined {
    if (!this.#known.has(apiVersion)) this.#known.set(apiVersion, this.#compare(apiVersion));
    return this.#known.get(apiVersion);
  }

  /** In the version of the request. */
  get own(): Comparison {
    return this.in(this.#own.apiVersion) as Comparison;
  }

  #compare(apiVersion: string): Comparison | undefined {
    const version = versionOf(this.#own, apiVersion);
    if (version === undefined) return undefined;
    const [before, after] = [this.#before, this.#after].map((object) => convertTo(this.#own, object, apiVersion));
    const all = compare(before, after, version.shape);
    const { filter } = version;
    if (filter === undefined) return all;
    return { added: filter(all.added), removed: filter(all.removed), modified: filter(all.modified) };
  }
}
