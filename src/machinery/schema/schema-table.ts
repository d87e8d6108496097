import table from '../../generated/schemas.json' with { type: 'json' };

/** Flags of a row in the generated table; `hack/generate.ts` writes them. */
export const REPEATED = 1;
export const MAP = 2;
export const OPTIONAL = 4;
/** An embedded struct: its fields stand among those of its owner in JSON, and in a message of their own in protobuf. */
export const INLINE = 8;
export const REQUIRED = 16;
export const POINTER = 32;
export const ALWAYS = 64;
export const OMIT_ZERO = 128;

export interface RowExtra {
  readonly list?: 'atomic' | 'set' | 'map';
  readonly keys?: readonly string[];
  readonly atomic?: boolean;
  readonly patch?: string;
  readonly mergeKey?: string;
  readonly default?: unknown;
  readonly go?: string;
}

/** Protobuf number, JSON name, type, flags, and what else there is to say. */
export type Row = readonly [number: number, name: string, type: string, flags: number, extra?: RowExtra];

const { types, kinds, atomics, unions } = table as unknown as {
  types: Readonly<Record<string, readonly Row[]>>;
  kinds: Readonly<Record<string, string>>;
  atomics: readonly string[];
  unions: Readonly<Record<string, readonly unknown[]>>;
};

const atomicTypes = new Set(atomics);
const kindTypes = new Set(Object.values(kinds));

/** The fields of a type such as `core/v1.PodSpec`. @throws Error for a name that the table does not have. */
export function rowsOf(typeName: string): readonly Row[] {
  const rows = types[typeName];
  if (rows === undefined) throw new Error(`no type ${typeName} in the generated table`);
  return rows;
}

export function hasType(typeName: string): boolean {
  return types[typeName] !== undefined;
}

export function isAtomicType(typeName: string): boolean {
  return atomicTypes.has(typeName);
}

/** Whether objects of the type carry `kind` and `apiVersion`. */
export function isKind(typeName: string): boolean {
  return kindTypes.has(typeName);
}

/** The type behind an apiVersion and kind; undefined for kinds that are not built in. */
export function typeNameOf(apiVersion: string, kind: string): string | undefined {
  return kinds[`${apiVersion}, ${kind}`];
}

/** Which fields of a type exclude each other, as the API's documents tell it; undefined where nothing is said. */
export function unionsOf(typeName: string): readonly unknown[] | undefined {
  return unions[typeName];
}

/** Every built-in kind: its apiVersion, its kind and its type. */
export function allKinds(): readonly {
  readonly apiVersion: string;
  readonly kind: string;
  readonly typeName: string;
}[] {
  return Object.entries(kinds).map(([key, typeName]) => {
    const [apiVersion = '', kind = ''] = key.split(', ');
    return { apiVersion, kind, typeName };
  });
}
