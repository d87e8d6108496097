/**
 * The shape of a value, the same for built-in kinds (made from the generated table) and for CRDs (made from their
 * structural schema). Decoding, pruning, patches, server-side apply and protobuf all read this one model.
 */
export type TypeSchema = ObjectShape | MapShape | ListShape | ScalarShape | OpaqueShape;

export interface ObjectShape {
  readonly shape: 'object';
  /** Name in the generated table (`core/v1.PodSpec`), where it comes from there. */
  readonly typeName?: string | undefined;
  /** Fields by JSON name; embedded structs are flattened. */
  readonly fields: ReadonlyMap<string, FieldSchema>;
  /** Treated as one value by server-side apply. */
  readonly atomic: boolean;
  /** Keeps fields that `fields` does not know (`x-kubernetes-preserve-unknown-fields`, embedded resources). */
  readonly preservesUnknown: boolean;
}

export interface MapShape {
  readonly shape: 'map';
  readonly values: TypeSchema;
  readonly atomic: boolean;
}

export interface ListShape {
  readonly shape: 'list';
  readonly items: TypeSchema;
  /** `atomic` where nothing is said. */
  readonly listType: 'atomic' | 'set' | 'map';
  /** Keys of a `map` list. */
  readonly mapKeys: readonly string[];
}

export type ScalarType =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  /** base64 text in JSON */
  | 'bytes'
  | 'quantity'
  | 'int-or-string'
  /** RFC 3339 in seconds */
  | 'time'
  /** RFC 3339 in microseconds */
  | 'micro-time'
  | 'duration';

export interface ScalarShape {
  readonly shape: 'scalar';
  readonly type: ScalarType;
}

/** Any JSON (`RawExtension`, `FieldsV1`, `JSON`, schemaless CRD fields); kept as it is. */
export interface OpaqueShape {
  readonly shape: 'opaque';
  /** An object with apiVersion, kind and metadata of its own. */
  readonly embeddedObject: boolean;
  /** Server-side apply owns it field by field, as it does in custom objects, and not as one value. */
  readonly granular?: boolean | undefined;
  /** What objects in it are, alone or in a list, where the type leaves a choice (`JSONSchemaPropsOrArray` and its kin). */
  readonly holds?: ObjectShape | undefined;
}

export interface FieldSchema {
  readonly name: string;
  readonly type: TypeSchema;
  readonly nullable: boolean;
  /** Required by the API's schema (not the same as required by validation). */
  readonly required: boolean;
  /** Written even when empty: the Go field has no `omitempty`. */
  readonly alwaysWritten: boolean;
  /** Absent and empty are two things: a pointer in Go. Other empty values are dropped unless always written. */
  readonly pointer: boolean;
  /** Default from the schema; per-kind defaults live in `resources/`. */
  readonly default?: unknown;
  /** The name of its type in Go, where it has one of its own (`v1.RestartPolicy`); messages tell it. */
  readonly goType?: string | undefined;
  /** Embedded structs in Go that it stands in, with dots (`RuleWithOperations.Rule.`); messages tell them too. */
  readonly within?: string | undefined;
  /** Strategic merge: `merge`, `replace`, `retainKeys`, as upstream's struct tags say. */
  readonly patchStrategy: readonly ('merge' | 'replace' | 'retainKeys')[];
  readonly patchMergeKey?: string | undefined;
}
