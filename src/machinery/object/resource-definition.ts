import type { FieldError } from '../errors/field-error.ts';
import type { ObjectShape } from '../schema/type-schema.ts';
import type { AnyObject, KubeObject, ResourceType } from './object.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** A column of `kubectl get`. `cell` yields a JSON value; `priority` above 0 shows with `-o wide` only. */
export interface Column<T = KubeObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  cell(object: T, now: { readonly nowMs: number }): unknown;
}

/** Where the scale subresource finds its numbers, as dotted paths (`.spec.replicas`). */
export interface ScalePaths {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  /** Absent where the kind has no selector to show. */
  readonly selector?: string | undefined;
}

/** What a strategy may know of the request that runs it. */
export interface StrategyContext {
  readonly nowMs: number;
  readonly userName: string;
  /** Takes a sentence for a `Warning` header that only the preparation can know. */
  readonly warn?: ((text: string) => void) | undefined;
}

/**
 * The rules of a kind, as pure functions. `object` and `next` are private copies: `default…` and `prepare…` change them
 * in place, `validate…` only reads. `previous` is the stored object, frozen.
 *
 * Order on create: default, prepareForCreate, admission, validateCreate. On update: default, prepareForUpdate,
 * admission, validateUpdate. Metadata (names, labels, owner references, finalizers) is checked by the registry for
 * every kind, so a strategy looks at what is beside it.
 */
export interface Strategy<T = KubeObject> {
  /** Loads what the rules need beside what a start needs, such as a compiler. Awaited before they judge. */
  load?(): Promise<void>;
  /** Fills upstream's defaults. */
  applyDefaults?(object: T): void;
  /** Drops what a client may not set at creation (such as status). */
  prepareForCreate?(object: T, context: StrategyContext): void;
  validateCreate?(object: T): readonly FieldError[];
  /** Keeps what an update may not change (such as status); bumps nothing: see `generation`. */
  prepareForUpdate?(next: T, previous: T): void;
  validateUpdate?(next: T, previous: T): readonly FieldError[];
  /** The same for the status subresource, which by default keeps everything but `status` and some metadata. */
  prepareForStatusUpdate?(next: T, previous: T): void;
  validateStatusUpdate?(next: T, previous: T): readonly FieldError[];
  /** Sentences for `Warning` headers. */
  warningsOnCreate?(object: T): readonly string[];
  warningsOnUpdate?(next: T, previous: T): readonly string[];
  warningsOnStatusUpdate?(next: T): readonly string[];
  /**
   * Seconds of grace for a deletion, or undefined to delete at once. Called with the request's wish, if any.
   * Where it answers a number above 0 the object is marked and stays until deleted with 0.
   */
  gracePeriodSeconds?(object: T, wished: number | undefined): number | undefined;
}

/** Conversion by somebody who has to be asked; throws StatusError 500 where that fails. */
export interface RemoteConversion {
  /** Shows stored objects in the served version, in their order. */
  fromStorage(stored: readonly AnyObject[]): Promise<readonly AnyObject[]>;
  toStorage(object: AnyObject): Promise<AnyObject>;
  /** The object in any version, neither pruned nor with defaults. */
  convert(object: AnyObject, apiVersion: string): Promise<AnyObject>;
}

/**
 * Everything that the server needs to serve one kind in one version. Built-in kinds and CRDs take one road: both become
 * such a record.
 */
export interface ResourceDefinition<T extends KubeObject = AnyObject> extends ResourceType<T> {
  readonly listKind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  /** Served to those who know of it, but not shown in discovery: an old version for old clients. */
  readonly hidden?: boolean | undefined;
  /** `builtin` kinds also speak protobuf and strategic merge patch. */
  readonly origin: 'builtin' | 'custom';
  readonly schema: ObjectShape;
  /** Below `/registry/`, such as `services/specs` or `example.com/widgets`. Two versions of a kind share it. */
  readonly storagePrefix: string;
  /** The version that objects are stored in; they are converted on the way in and out where it is another one. */
  readonly storageVersion: string;
  readonly convert?: { fromStorage(stored: AnyObject): AnyObject; toStorage(object: AnyObject): AnyObject } | undefined;
  /** In the place of {@link convert} where somebody else has to be asked. */
  readonly remote?: RemoteConversion | undefined;
  readonly hasStatus: boolean;
  readonly scale?: ScalePaths | undefined;
  /** Further subresources of discovery (`log`, `exec`, `binding`, ...): name to kind and verbs. Handlers are the server's. */
  readonly subresources?: Readonly<Record<string, SubresourceRecord>> | undefined;
  readonly columns: readonly Column<T>[];
  /** The order of the rows of a list. Default: that of the list. */
  readonly compareRows?: ((a: T, b: T) => number) | undefined;
  /** Field selectors beside metadata.name and metadata.namespace. */
  readonly selectableFields: Readonly<Record<string, (object: T) => string>>;
  /** Whether `metadata.generation` is kept: raised when anything but metadata and status changes. */
  readonly generation: 'spec' | 'none';
  readonly allowCreateOnUpdate: boolean;
  /** Whether a PUT without resourceVersion wins over any state. */
  readonly allowUnconditionalUpdate: boolean;
  /**
   * How a deletion treats dependents when the request does not say. Jobs and replication controllers orphan; events own
   * nothing (`None`), whatever the request says.
   */
  readonly defaultPropagation: 'Background' | 'Orphan' | 'None';
  /** Seconds until a stored object expires by itself; only events do. */
  readonly leaseSeconds?: number | undefined;
  /** The group that faults name, where it is not the one that is served. */
  readonly internalGroup?: string | undefined;
  /** Sent as a `Warning` header with every answer of this kind and version, whatever the verb. */
  readonly deprecation?: string | undefined;
  /** Sent as a `Warning` header with deletions that do not say what becomes of dependents. */
  readonly propagationWarning?: string | undefined;
  readonly strategy: Strategy<T>;
}

export interface SubresourceRecord {
  readonly kind: string;
  readonly group?: string | undefined;
  readonly version?: string | undefined;
  readonly verbs: readonly string[];
}
