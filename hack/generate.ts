/**
 * Derives `src/generated/` from recorded facts of Kubernetes 1.36: field numbers, names, types, list and merge keys,
 * discovery, table columns and the objects that a server creates at start.
 *
 *   node hack/generate.ts [FOLDER]     FOLDER holds protobuf.json, swagger.json, discovery.json, tables.json, bootstrap.json
 *   node hack/generate.ts --check      writes nothing; fails when a file would change
 *
 * Only facts are taken: no sentence of the upstream documents is written.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface ProtoField {
  n: number;
  name: string;
  type?: string;
  map?: [string, string];
  repeated?: boolean;
  optional?: boolean;
  default?: unknown;
  listType?: string;
  listMapKey?: string[];
  mapType?: string;
  structType?: string;
  patchStrategy?: string;
  patchMergeKey?: string;
}
interface SwaggerType {
  properties?: Record<string, { type?: string; format?: string; $ref?: string }>;
  required?: string[];
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

const root = join(import.meta.dirname, '..');
const args = process.argv.slice(2);
const check = args.includes('--check');
const source = args.find((arg) => !arg.startsWith('-')) ?? join(root, '../shared/k8s-1.36');
if (!existsSync(join(source, 'protobuf.json'))) {
  console.log(`generate: ${source} is not here, so src/generated stays as it is`);
  process.exit(0);
}
const read = <T>(name: string): T => JSON.parse(readFileSync(join(source, name), 'utf8')) as T;
const proto = read<Record<string, ProtoField[]>>('protobuf.json');
const swagger = read<{ definitions: Record<string, SwaggerType> }>('swagger.json').definitions;

/** Which fields are pointers (p), lack `omitempty` (a) or have `omitzero` (z) in upstream's Go types. */
const goFields = JSON.parse(readFileSync(join(root, 'hack/data/go-fields.json'), 'utf8')) as Record<
  string,
  Record<string, string>
>;

/** Fields whose Go type has a name of its own, which the messages of Go's decoder tell. */
const goTypes = JSON.parse(readFileSync(join(root, 'hack/data/go-types.json'), 'utf8')) as Record<
  string,
  Record<string, string>
>;

/** Wire types that have a JSON form of their own, so their fields never show. */
const leaves: Record<string, string> = {
  'k8s.io.apimachinery.pkg.api.resource.Quantity': 'Quantity',
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': 'IntOrString',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': 'Time',
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': 'MicroTime',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Duration': 'Duration',
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': 'FieldsV1',
  'k8s.io.apimachinery.pkg.runtime.RawExtension': 'RawExtension',
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON': 'Json',
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': 'SchemaOrArray',
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': 'SchemaOrBool',
  'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': 'SchemaOrStringArray',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Verbs': 'StringList',
  'k8s.io.api.authorization.v1.ExtraValue': 'StringList',
  'k8s.io.api.authentication.v1.ExtraValue': 'StringList',
  'k8s.io.api.certificates.v1.ExtraValue': 'StringList',
  'k8s.io.api.core.v1.ResourceList': 'QuantityMap',
};

const families: [RegExp, (m: RegExpExecArray) => string][] = [
  // kube-proxy before 1.22 knows no other version of it.
  [/^k8s\.io\.api\.(discovery)\.(v1beta1)\.(\w+)$/, (m) => `${m[1]}/${m[2]}.${m[3]}`],
  [/^k8s\.io\.api\.(\w+)\.(v\d+)\.(\w+)$/, (m) => `${m[1]}/${m[2]}.${m[3]}`],
  [/^k8s\.io\.apimachinery\.pkg\.apis\.meta\.v1\.(\w+)$/, (m) => `meta/v1.${m[1]}`],
  [/^k8s\.io\.apiextensions_apiserver\.pkg\.apis\.apiextensions\.v1\.(\w+)$/, (m) => `apiextensions/v1.${m[1]}`],
  [/^k8s\.io\.kube_aggregator\.pkg\.apis\.apiregistration\.v1\.(\w+)$/, (m) => `apiregistration/v1.${m[1]}`],
  [/^k8s\.io\.metrics\.pkg\.apis\.metrics\.v1beta1\.(\w+)$/, (m) => `metrics/v1beta1.${m[1]}`],
];

/** `k8s.io.api.core.v1.Pod` becomes `core/v1.Pod`; undefined for what the server does not speak. */
function shortName(full: string): string | undefined {
  for (const [pattern, to] of families) {
    const match = pattern.exec(full);
    if (match !== null) return to(match);
  }
  return undefined;
}

function swaggerName(full: string): string {
  return full
    .replace(/^k8s\.io\.apiextensions_apiserver/, 'io.k8s.apiextensions-apiserver')
    .replace(/^k8s\.io\.kube_aggregator/, 'io.k8s.kube-aggregator')
    .replace(/^k8s\.io\./, 'io.k8s.');
}

/** The JSON name of a field: a few differ in case from their protobuf, and the JSON Schema type spells some anew. */
function jsonName(type: string, field: string, known: SwaggerType | undefined): string {
  if (type !== 'apiextensions/v1.JSONSchemaProps') {
    const names = Object.keys(known?.properties ?? {});
    if (names.includes(field)) return field;
    return names.find((name) => name.toLowerCase() === field.toLowerCase()) ?? field;
  }
  if (field === 'ref' || field === 'schema') return `$${field}`;
  if (!field.startsWith('xKubernetes')) return field;
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const REPEATED = 1;
const MAP = 2;
const OPTIONAL = 4;
const INLINE = 8;
const REQUIRED = 16;
/** A pointer in Go: absent and zero are two things. */
const POINTER = 32;
/** Without `omitempty` in Go: written even when empty. */
const ALWAYS = 64;
/** With `omitzero`: a struct that is dropped when empty. */
const OMIT_ZERO = 128;
type Row = [number, string, string, number] | [number, string, string, number, Record<string, unknown>];

function toRow(full: string, type: string, field: ProtoField): Row {
  const known = swagger[swaggerName(full)];
  const name = jsonName(type, field.name, known);
  const target = field.map?.[1] ?? field.type ?? 'string';
  const ref = leaves[target] ?? shortName(target) ?? target.replace(/^.*\./, '');
  const nested = proto[target];
  const inline =
    known?.properties !== undefined &&
    !(name in known.properties) &&
    nested !== undefined &&
    leaves[target] === undefined &&
    nested.every((inner) => {
      const deep = proto[inner.type ?? ''];
      return inner.name in (known.properties ?? {}) || deep?.every((leaf) => leaf.name in (known.properties ?? {}));
    });
  let flags = 0;
  if (field.repeated) flags |= REPEATED;
  if (field.map) flags |= MAP;
  if (field.optional) flags |= OPTIONAL;
  if (inline) flags |= INLINE;
  if (known?.required?.includes(name)) flags |= REQUIRED;
  const go = goFields[type]?.[name] ?? '';
  if (go.includes('p')) flags |= POINTER;
  if (go.includes('a')) flags |= ALWAYS;
  if (go.includes('z')) flags |= OMIT_ZERO;
  const extra: Record<string, unknown> = {};
  if (field.listType) extra['list'] = field.listType;
  if (field.listMapKey) extra['keys'] = field.listMapKey;
  if (field.mapType === 'atomic' || field.structType === 'atomic') extra['atomic'] = true;
  if (field.structType === 'granular' || field.mapType === 'granular') extra['atomic'] = false;
  if (field.patchStrategy) extra['patch'] = field.patchStrategy;
  if (field.patchMergeKey) extra['mergeKey'] = field.patchMergeKey;
  const goType = goTypes[type]?.[name];
  if (goType !== undefined) extra['go'] = goType;
  // Markers hold JSON, or the name of a constant, which is of no use here.
  if (typeof field.default === 'string' && /^["\d]|^(true|false)$/.test(field.default))
    extra['default'] = JSON.parse(field.default);
  if (field.map && field.map[0] !== 'string') throw new Error(`${full}.${field.name}: map key ${field.map[0]}`);
  return Object.keys(extra).length > 0 ? [field.n, name, ref, flags, extra] : [field.n, name, ref, flags];
}

const messages = new Map<string, { full: string; rows: Row[] }>();
for (const [full, fields] of Object.entries(proto)) {
  const type = shortName(full);
  if (type === undefined || leaves[full] !== undefined) continue;
  messages.set(type, { full, rows: fields.map((field) => toRow(full, type, field)) });
}

const kinds: Record<string, string> = {};
for (const [type, { full }] of messages) {
  for (const gvk of swagger[swaggerName(full)]?.['x-kubernetes-group-version-kind'] ?? []) {
    // The options types are registered under every group; the core entry stands for all.
    if (type.startsWith('meta/') && gvk.group !== '') continue;
    kinds[`${gvk.group === '' ? '' : `${gvk.group}/`}${gvk.version}, ${gvk.kind}`] = type;
  }
}
/** Spoken on the wire but no path of the OpenAPI document returns them. */
Object.assign(kinds, {
  'admission.k8s.io/v1, AdmissionReview': 'admission/v1.AdmissionReview',
  'discovery.k8s.io/v1beta1, EndpointSlice': 'discovery/v1beta1.EndpointSlice',
  'discovery.k8s.io/v1beta1, EndpointSliceList': 'discovery/v1beta1.EndpointSliceList',
  'v1, List': 'meta/v1.List',
  'meta.k8s.io/v1, PartialObjectMetadata': 'meta/v1.PartialObjectMetadata',
  'meta.k8s.io/v1, PartialObjectMetadataList': 'meta/v1.PartialObjectMetadataList',
  'v1, WatchEvent': 'meta/v1.WatchEvent',
});

const tsTypes: Record<string, string> = {
  string: 'string',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  uint32: 'number',
  uint64: 'number',
  double: 'number',
  bytes: 'string',
  Quantity: 'string',
  IntOrString: 'number | string',
  Time: 'string',
  MicroTime: 'string',
  Duration: 'string',
  FieldsV1: 'Record<string, unknown>',
  RawExtension: 'Record<string, unknown>',
  Json: 'unknown',
  SchemaOrArray: 'JSONSchemaProps',
  SchemaOrBool: 'JSONSchemaProps | boolean',
  SchemaOrStringArray: 'JSONSchemaProps | string[]',
  StringList: 'string[]',
  QuantityMap: 'Record<string, string>',
};

const objectKinds = new Set(Object.values(kinds));

function tsField(home: string, type: string, row: Row, imports: Set<string>): string {
  const [, name, ref, flags] = row;
  let ts = tsTypes[ref];
  if (ts === undefined) {
    const [group, typeName] = ref.split('.') as [string, string];
    if (typeName === undefined) ts = 'unknown';
    else if (group === home) ts = typeName;
    else {
      imports.add(group);
      ts = `${alias(group)}.${typeName}`;
    }
  }
  if (flags & REPEATED) ts = ts.includes('|') ? `(${ts})[]` : `${ts}[]`;
  if (flags & MAP) ts = `Record<string, ${ts}>`;
  const top = objectKinds.has(type) && (name === 'metadata' || name === 'spec' || name === 'items');
  const must = top || (flags & REQUIRED) !== 0;
  return `  ${/^\w+$/.test(name) ? name : `'${name}'`}${must ? '' : '?'}: ${ts}${must ? '' : ' | undefined'};`;
}

function alias(group: string): string {
  return group.replace(/\W(\w)/g, (_, letter: string) => letter.toUpperCase());
}

const outputs = new Map<string, string>();
const header = '// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.\n';

const byGroup = new Map<string, string[]>();
for (const type of messages.keys()) {
  const group = type.split('.')[0] as string;
  byGroup.set(group, [...(byGroup.get(group) ?? []), type]);
}
for (const [group, types] of byGroup) {
  const imports = new Set<string>();
  const bodies = types.sort().map((type) => {
    const rows = messages.get(type)?.rows ?? [];
    const bases = rows
      .filter((row) => row[3] & INLINE)
      .map((row) => {
        const [home, base] = row[2].split('.') as [string, string];
        if (home === group) return base;
        imports.add(home);
        return `${alias(home)}.${base}`;
      });
    const lines = rows.filter((row) => !(row[3] & INLINE)).map((row) => tsField(group, type, row, imports));
    if (objectKinds.has(type)) lines.unshift('  apiVersion?: string;', '  kind?: string;');
    const parents = bases.length > 0 ? ` extends ${bases.join(', ')}` : '';
    return `export interface ${type.split('.')[1]}${parents} {\n${lines.join('\n')}\n}\n`;
  });
  const lines = [...imports].sort().map((other) => `import type * as ${alias(other)} from '../${other}.ts';\n`);
  outputs.set(`src/generated/api/${group}.ts`, `${header}${lines.join('')}\n${bodies.join('\n')}`);
}

const table: Record<string, Row[]> = {};
for (const type of [...messages.keys()].sort()) table[type] = messages.get(type)?.rows ?? [];
const atomics = [...messages]
  .filter(
    ([, { full }]) => (swagger[swaggerName(full)] as Record<string, unknown> | undefined)?.['x-kubernetes-map-type'],
  )
  .map(([type]) => type)
  .sort();
const UNIONS = 'x-kubernetes-unions';
const unions: Record<string, unknown> = {};
for (const [type, { full }] of messages) {
  const told = (swagger[swaggerName(full)] as Record<string, unknown> | undefined)?.[UNIONS];
  if (told !== undefined) unions[type] = told;
}
const oneLinePer = (object: object): string =>
  `{\n${Object.entries(object)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join(',\n')}\n}`;
outputs.set(
  'src/generated/schemas.json',
  `{"types":${oneLinePer(table)},\n"kinds":${oneLinePer(sorted(kinds))},\n"atomics":${JSON.stringify(atomics)},\n"unions":${oneLinePer(sorted(unions))}}\n`,
);
outputs.set('src/generated/discovery.json', `${oneLinePer(read('discovery.json'))}\n`);
outputs.set('src/generated/tables.json', `${oneLinePer(read('tables.json'))}\n`);
outputs.set(
  'src/generated/bootstrap.json',
  `{\n${Object.entries(read<Record<string, unknown[]>>('bootstrap.json'))
    .map(([key, items]) => `${JSON.stringify(key)}:[\n${items.map((item) => JSON.stringify(item)).join(',\n')}\n]`)
    .join(',\n')}\n}\n`,
);

/** One constant a built-in resource, so that clients and controllers can name what they mean without a string. */
interface DiscoveredResource {
  name: string;
  kind: string;
  namespaced: boolean;
  group?: string;
  version?: string;
}
const typeLines: string[] = [];
const typeImports = new Set<string>();
const usedNames = new Set<string>();
for (const [path, document] of Object.entries(
  read<Record<string, { groupVersion?: string; resources?: DiscoveredResource[] }>>('discovery.json'),
)) {
  if (document.resources === undefined || document.groupVersion === undefined) continue;
  const [group, version] = document.groupVersion.includes('/')
    ? document.groupVersion.split('/')
    : ['', document.groupVersion];
  for (const resource of document.resources) {
    if (resource.name.includes('/')) continue;
    const type = kinds[`${document.groupVersion}, ${resource.kind}`];
    if (type === undefined) throw new Error(`${path}: no type for ${resource.kind}`);
    const [home, name] = type.split('.') as [string, string];
    typeImports.add(home);
    const constant = usedNames.has(resource.name)
      ? `${resource.name}${group === 'events.k8s.io' ? 'Regarding' : version?.toUpperCase()}`
      : resource.name;
    usedNames.add(constant);
    typeLines.push(
      `export const ${constant}: ResourceType<${alias(home)}.${name}> = { group: '${group}', version: '${version}', kind: '${resource.kind}', plural: '${resource.name}', namespaced: ${resource.namespaced} };`,
    );
  }
}
outputs.set(
  'src/generated/resource-types.ts',
  `${header}${[...typeImports]
    .sort()
    .map((group) => `import type * as ${alias(group)} from './api/${group}.ts';\n`)
    .join('')}
/** Names a served resource; \`T\` is the type of its objects. */
export interface ResourceType<T = unknown> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: carries the type of the objects for the compiler. */
  readonly objectType?: T;
}

${typeLines.join('\n')}
`,
);

function sorted<T>(object: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

let stale = 0;
for (const [path, text] of outputs) {
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale++;
  if (check) console.log(`generate: ${path} is out of date; run npm run generate`);
  else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
console.log(`generate: ${outputs.size} files, ${stale} ${check ? 'out of date' : 'written'}`);
if (check && stale > 0) process.exitCode = 1;
