import { INLINE, MAP, REPEATED, type Row, rowsOf } from '../machinery/schema/schema-table.ts';

/**
 * How much an object says: `full` has every field set, `zero` has every field set to its empty value, `bare` has none.
 */
export type Filling = 'full' | 'zero' | 'bare';

/** Types may hold themselves; below this many of the same they stay bare. */
const MOST_NESTED = 2;

/** An object of a type in the generated table, the same at each call, as Go would write it in JSON. */
export function filledObject(typeName: string, filling: Filling): Record<string, unknown> {
  return fill(typeName, filling, []);
}

function fill(typeName: string, filling: Filling, path: readonly string[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  if (filling === 'bare') return object;
  for (const row of rowsOf(typeName)) {
    const [, name, ref, flags] = row;
    if (flags & INLINE) Object.assign(object, fill(ref, filling, [...path, typeName]));
    else object[name] = filling === 'zero' ? zeroOf(row, path) : fullOf(row, typeName, path);
  }
  return object;
}

function fullOf([, name, ref, flags]: Row, typeName: string, path: readonly string[]): unknown {
  const value = (salt: string): unknown => filledValue(ref, `${name}${salt}`, [...path, typeName]);
  // Out of order on purpose: protobuf sorts keys by their bytes.
  if (flags & MAP) return { z: value('Z'), é: value('É'), 'b.c/d': value('B') };
  return flags & REPEATED ? [value(''), value('Too')] : value('');
}

function zeroOf([, , ref, flags]: Row, path: readonly string[]): unknown {
  if (flags & MAP) return {};
  if (flags & REPEATED) return [];
  if (ref in zeros) return structuredClone(zeros[ref]);
  return isLeaf(ref) ? undefined : fill(ref, path.length > MOST_NESTED ? 'bare' : 'zero', [...path, ref]);
}

const zeros: Readonly<Record<string, unknown>> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  double: 0,
  Quantity: '0',
  IntOrString: 0,
  Duration: '0s',
  StringList: [],
  QuantityMap: {},
};

type Maker = (name: string) => unknown;

const numberOf: Maker = (name) => {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.charCodeAt(0)) % 100_003;
  return sum + 1;
};
const signedOf: Maker = (name) => (name.length % 3 === 0 ? -Number(numberOf(name)) : numberOf(name));

const leaves: Readonly<Record<string, Maker>> = {
  string: (name) => `${name} ☃`,
  bool: () => true,
  int32: signedOf,
  int64: (name) => Number(signedOf(name)) * 2 ** 33,
  uint32: numberOf,
  uint64: (name) => Number(numberOf(name)) * 2 ** 33,
  double: (name) => Number(numberOf(name)) + 0.5,
  bytes: (name) => Buffer.from(`${name}\0\xff`, 'latin1').toString('base64'),
  Quantity: (name) => (name.length % 2 === 0 ? '1500m' : '3Gi'),
  IntOrString: (name) => (name.length % 2 === 0 ? signedOf(name) : `${numberOf(name)}%`),
  Time: () => '2030-01-02T03:04:05Z',
  MicroTime: () => '1965-01-02T03:04:05.678901Z',
  Duration: (name) => (name.length % 2 === 0 ? '1h2m3.5s' : '-15µs'),
  FieldsV1: (name) => ({ 'f:metadata': { [`f:${name}`]: {} } }),
  RawExtension: (name) => ({ kind: 'Any', apiVersion: 'example.com/v1', [name]: ['a', { b: null }] }),
  Json: (name) => ({ [name]: [1, 'two', null] }),
  StringList: (name) => [name, '', 'last'],
  QuantityMap: () => ({ memory: '1Gi', cpu: '250m' }),
};

function isLeaf(ref: string): boolean {
  return ref in leaves || ref.startsWith('SchemaOr');
}

const SCHEMA = 'apiextensions/v1.JSONSchemaProps';

function filledValue(ref: string, name: string, path: readonly string[]): unknown {
  const leaf = leaves[ref];
  if (leaf !== undefined) return leaf(name);
  const schema = (): unknown => nested(SCHEMA, path);
  const odd = name.length % 2 === 1;
  if (ref === 'SchemaOrArray') return odd ? schema() : [schema(), schema()];
  if (ref === 'SchemaOrBool') return odd ? schema() : true;
  if (ref === 'SchemaOrStringArray') return odd ? schema() : ['one', 'two'];
  return nested(ref, path);
}

function nested(typeName: string, path: readonly string[]): Record<string, unknown> {
  const depth = path.filter((each) => each === typeName).length;
  return fill(typeName, depth < MOST_NESTED ? 'full' : 'bare', path);
}
