import { typeNameOf } from '../../machinery/schema/builtin.ts';
import { rowsOf } from '../../machinery/schema/schema-table.ts';
import type { ServedSubresource } from '../served-resources.ts';
import { type GroupVersionKindEntry, type Schema, scalarSchema } from './builtin-schemas.ts';
import type { DocumentedResource } from './documents.ts';
import { groupNameOf } from './group-names.ts';

export interface ResourceSchemas {
  readonly item: Schema;
  readonly list: Schema;
  readonly status: Schema;
  readonly deleteOptions: Schema;
  readonly patch: Schema;
  readonly watchEvent: Schema;
  /** Of a kind that a subresource shows instead; undefined where no schema is known. */
  subresource(subresource: ServedSubresource): Schema | undefined;
}

type Operation = Record<string, unknown>;
export type Paths = Record<string, Record<string, unknown>>;

/** A name and a type. */
type QueryParameter = readonly [string, string];

const answers = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const patches = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const listParameters: readonly QueryParameter[] = [
  ['allowWatchBookmarks', 'boolean'],
  ['continue', 'string'],
  ['fieldSelector', 'string'],
  ['labelSelector', 'string'],
  ['limit', 'integer'],
  ['resourceVersion', 'string'],
  ['resourceVersionMatch', 'string'],
  ['sendInitialEvents', 'boolean'],
  ['shardSelector', 'string'],
  ['timeoutSeconds', 'integer'],
  ['watch', 'boolean'],
];
const writeParameters: readonly QueryParameter[] = [
  ['dryRun', 'string'],
  ['fieldManager', 'string'],
  ['fieldValidation', 'string'],
];
const patchParameters: readonly QueryParameter[] = [...writeParameters, ['force', 'boolean']];
const deleteParameters: readonly QueryParameter[] = [
  ['dryRun', 'string'],
  ['gracePeriodSeconds', 'integer'],
  ['ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'],
  ['orphanDependents', 'boolean'],
  ['propagationPolicy', 'string'],
];

/** Parameters that make no watch. */
const ofLists = listParameters.filter(([name]) => name !== 'watch' && name !== 'allowWatchBookmarks');

/** Kinds whose deletion answers with the object. Source: their stores' `ReturnDeletedObject`. */
const returnsDeleted: ReadonlySet<string> = new Set([
  '/PersistentVolume',
  '/PersistentVolumeClaim',
  '/Pod',
  '/PodTemplate',
  '/ResourceQuota',
  '/Service',
  '/ServiceAccount',
  'resource.k8s.io/DeviceClass',
  'resource.k8s.io/ResourceClaim',
  'resource.k8s.io/ResourceClaimTemplate',
  'resource.k8s.io/ResourceSlice',
  'storage.k8s.io/CSIDriver',
  'storage.k8s.io/CSINode',
  'storage.k8s.io/StorageClass',
  'storage.k8s.io/VolumeAttachment',
  'storage.k8s.io/VolumeAttributesClass',
]);

/** The paths of a resource with what each of them takes and gives. Source: apiserver `pkg/endpoints/installer.go`. */
export function addPaths(paths: Paths, entry: DocumentedResource, schemas: ResourceSchemas): void {
  const { definition, verbs } = entry;
  const { group, version, kind, plural, namespaced } = definition;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced ? '/namespaces/{namespace}' : '';
  const collection = `${root}${scope}/${plural}`;
  const scoped = namespaced ? [pathParameter('namespace')] : [];
  const maker = new OperationMaker({ group, version, kind }, namespaced ? 'Namespaced' : '');
  const has = (verb: string): boolean => verbs.includes(verb);
  const custom = definition.origin === 'custom';
  const types = custom ? answers.slice(0, 2) : answers;
  const patchTypes = custom ? patches.filter((type) => !type.includes('strategic')) : patches;
  setPath(paths, collection, scoped, {
    get: has('list') && maker.read('list', schemas.list, { types, parameters: listParameters }),
    post: has('create') && maker.write('post', schemas.item, { types, parameters: writeParameters }),
    delete:
      has('deletecollection') &&
      maker.remove('deletecollection', schemas, {
        item: schemas.status,
        parameters: [...ofLists, ...deleteParameters],
      }),
  });
  if (namespaced && has('list')) {
    const everywhere = maker.read('list', schemas.list, {
      types,
      parameters: listParameters,
      suffix: 'ForAllNamespaces',
    });
    setPath(paths, `${root}/${plural}`, [], { get: everywhere });
  }
  const one = `${collection}/{name}`;
  setPath(paths, one, [pathParameter('name'), ...scoped], {
    get: has('get') && maker.read('get', schemas.item, { types, parameters: [] }),
    put: has('update') && maker.write('put', schemas.item, { types, parameters: writeParameters }),
    patch: has('patch') && maker.patch(schemas, { item: schemas.item, types, patchTypes }),
    delete:
      has('delete') &&
      maker.remove('delete', schemas, {
        item: returnsDeleted.has(`${group}/${kind}`) ? schemas.item : schemas.status,
        parameters: deleteParameters,
      }),
  });
  if (has('watch') && !custom) addWatches(paths, entry, { maker, event: schemas.watchEvent });
  for (const subresource of entry.subresources) {
    const item = schemas.subresource(subresource);
    const shown = {
      group: subresource.group ?? group,
      version: subresource.version ?? version,
      kind: subresource.kind,
    };
    const own = new OperationMaker(shown, namespaced ? 'Namespaced' : '', {
      group,
      version,
      kind,
      name: subresource.name,
    });
    const can = (verb: string): boolean => subresource.verbs.includes(verb);
    const parameters = [pathParameter('name'), ...scoped];
    // Options are the query of a connection, not an object.
    if (subresource.kind.endsWith('Options')) {
      const given = optionParameters(shown.group, shown.version, subresource.kind);
      const connections = Object.fromEntries(
        connectMethods(subresource).map((method) => [method, own.connect(method, given)]),
      );
      setPath(paths, `${one}/${subresource.name}`, parameters, connections, { pretty: false });
      if (subresource.name !== 'proxy') continue;
      const below = Object.fromEntries(
        connectMethods(subresource).map((method) => [method, own.connect(method, given, 'WithPath')]),
      );
      setPath(paths, `${one}/proxy/{path}`, [...parameters, pathParameter('path')], below, { pretty: false });
      continue;
    }
    if (definition.kind === 'Pod' && subresource.name === 'log') {
      const given = optionParameters('', 'v1', 'PodLogOptions');
      const get = own.read('get', { type: 'string' }, { types: ['text/plain', ...types], parameters: given });
      setPath(paths, `${one}/log`, parameters, { get });
      continue;
    }
    setPath(paths, `${one}/${subresource.name}`, parameters, {
      get: can('get') && own.read('get', item, { types, parameters: [] }),
      put: can('update') && own.write('put', item, { types, parameters: writeParameters }),
      patch: can('patch') && own.patch(schemas, { item, types, patchTypes }),
      post: can('create') && own.write('post', item, { types, parameters: writeParameters }),
    });
  }
}

/** The paths that watched before lists could; they are served still. */
function addWatches(
  paths: Paths,
  { definition: { group, version, plural, namespaced }, verbs }: DocumentedResource,
  { maker, event }: { readonly maker: OperationMaker; readonly event: Schema },
): void {
  const root = `${group === '' ? `/api/${version}` : `/apis/${group}/${version}`}/watch`;
  const collection = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
  const scoped = namespaced ? [pathParameter('namespace')] : [];
  setPath(paths, collection, scoped, { get: maker.watch('watchlist', event, { ending: 'List' }) });
  if (namespaced)
    setPath(paths, `${root}/${plural}`, [], {
      get: maker.watch('watchlist', event, { suffix: 'ListForAllNamespaces' }),
    });
  if (!verbs.includes('get')) return;
  setPath(paths, `${collection}/{name}`, [pathParameter('name'), ...scoped], { get: maker.watch('watch', event, {}) });
}

/** Proxies take every method; what a connection upgrades takes two. */
function connectMethods({ name, verbs }: ServedSubresource): readonly string[] {
  if (name === 'proxy') return ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
  return Object.entries(methods)
    .filter(([verb]) => verbs.includes(verb))
    .map(([, method]) => method);
}

/** The fields of an options type, as a query takes them. */
function optionParameters(group: string, version: string, kind: string): readonly QueryParameter[] {
  const typeName = typeNameOf(group === '' ? version : `${group}/${version}`, kind) ?? `core/v1.${kind}`;
  return rowsOf(typeName).flatMap(([, name, type]) => {
    const single = scalarSchema(type)?.['type'];
    // Of a list, one value is told: that of one name in the query.
    return typeof single === 'string' ? [[name, single] as const] : [];
  });
}

/** What all operations of a path take stands beside them. Source: kube-openapi `pkg/builder3/openapi.go`. */
function setPath(
  paths: Paths,
  path: string,
  parameters: readonly Schema[],
  operations: Readonly<Record<string, Operation | false>>,
  { pretty } = { pretty: true },
): void {
  const given = Object.entries(operations).filter((each): each is [string, Operation] => each[1] !== false);
  if (given.length === 0) return;
  const queries = given.map(([, { parameters: own }]) => (own ?? []) as readonly Schema[]);
  const shared = (queries[0] ?? []).filter(({ name }) =>
    queries.every((query) => query.some((each) => each['name'] === name)),
  );
  const sharedNames = new Set(shared.map(({ name }) => name));
  const item: Record<string, unknown> = {};
  for (const [index, [method, { parameters: _all, ...operation }]] of given.entries()) {
    const own = byName(queries[index]?.filter(({ name }) => !sharedNames.has(name)) ?? []);
    item[method] = own.length === 0 ? operation : { ...operation, parameters: own };
  }
  paths[path] = {
    ...item,
    parameters: byName([...parameters, ...(pretty ? toParameters([['pretty', 'string']]) : []), ...shared]),
  };
}

function byName(parameters: readonly Schema[]): readonly Schema[] {
  const nameOf = ({ name }: Schema): string => String(name);
  return [...parameters].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0));
}

function pathParameter(name: string): Schema {
  return { name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } };
}

const methods: Readonly<Record<string, string>> = {
  get: 'get',
  update: 'put',
  patch: 'patch',
  create: 'post',
  delete: 'delete',
};

interface Owner extends GroupVersionKindEntry {
  readonly name: string;
}

/** There are no watches in YAML. */
function isStreamed(type: string): boolean {
  return type !== 'application/yaml';
}

function asStream(type: string): string {
  return `${type};stream=watch`;
}

class OperationMaker {
  readonly #kind: GroupVersionKindEntry;
  readonly #scope: string;
  readonly #owner: Owner | undefined;

  constructor(kind: GroupVersionKindEntry, scope: string, owner?: Owner) {
    this.#kind = kind;
    this.#scope = scope;
    this.#owner = owner;
  }

  read(
    action: 'list' | 'get',
    item: Schema | undefined,
    options: { types: readonly string[]; parameters: readonly QueryParameter[]; suffix?: string },
  ): Operation {
    const types =
      action === 'list' ? [...options.types, ...options.types.filter(isStreamed).map(asStream)] : options.types;
    const verb = action === 'list' ? 'list' : 'read';
    return {
      ...this.#base(verb, action, options.suffix === undefined ? {} : { suffix: options.suffix }),
      parameters: toParameters(options.parameters),
      responses: responses({ '200': 'OK' }, item, types),
    };
  }

  watch(action: 'watch' | 'watchlist', event: Schema, name: { suffix?: string; ending?: string }): Operation {
    return {
      ...this.#base('watch', action, name),
      parameters: toParameters(listParameters),
      responses: responses({ '200': 'OK' }, event, [...answers, ...answers.filter(isStreamed).map(asStream)]),
    };
  }

  write(
    action: 'post' | 'put',
    item: Schema | undefined,
    options: { types: readonly string[]; parameters: readonly QueryParameter[] },
  ): Operation {
    const codes =
      action === 'post' ? { '200': 'OK', '201': 'Created', '202': 'Accepted' } : { '200': 'OK', '201': 'Created' };
    return {
      ...this.#base(action === 'post' ? 'create' : 'replace', action),
      parameters: toParameters(options.parameters),
      requestBody: { required: true, content: content(['*/*'], item) },
      responses: responses(codes, item, options.types),
    };
  }

  patch(
    schemas: ResourceSchemas,
    { item, types, patchTypes }: { item: Schema | undefined; types: readonly string[]; patchTypes: readonly string[] },
  ): Operation {
    return {
      ...this.#base('patch', 'patch'),
      parameters: toParameters(patchParameters),
      requestBody: { required: true, content: content(patchTypes, schemas.patch) },
      responses: responses({ '200': 'OK', '201': 'Created' }, item, types),
    };
  }

  remove(
    action: 'delete' | 'deletecollection',
    { deleteOptions }: ResourceSchemas,
    { item, parameters }: { item: Schema; parameters: readonly QueryParameter[] },
  ): Operation {
    const codes = action === 'delete' ? { '200': 'OK', '202': 'Accepted' } : { '200': 'OK' };
    return {
      ...this.#base('delete', action, action === 'delete' ? {} : { method: 'Collection' }),
      parameters: toParameters([...new Map(parameters)]),
      requestBody: { content: content(['*/*'], deleteOptions) },
      responses: responses(codes, item, answers),
    };
  }

  connect(method: string, parameters: readonly QueryParameter[], suffix = ''): Operation {
    const base = this.#base('connect', 'connect', { method: capital(method), ending: suffix });
    return {
      ...base,
      parameters: toParameters(parameters),
      responses: responses({ '200': 'OK' }, { type: 'string' }, ['*/*']),
    };
  }

  #base(verb: string, action: string, { suffix = '', method = '', ending = '' } = {}): Operation {
    const { group, version, kind } = this.#owner ?? this.#kind;
    const groupName = groupNameOf(group);
    const tail = this.#owner === undefined ? '' : capital(this.#owner.name);
    const scope = suffix === '' ? this.#scope : '';
    return {
      tags: [`${groupName}_${version}`],
      operationId: `${verb}${capital(groupName)}${capital(version)}${method}${scope}${kind}${tail}${suffix}${ending}`,
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': this.#kind,
    };
  }
}

function toParameters(parameters: readonly QueryParameter[]): readonly Schema[] {
  return parameters.map(([name, type]) => ({ name, in: 'query', schema: { type, uniqueItems: true } }));
}

function content(types: readonly string[], schema: Schema | undefined): Schema {
  return Object.fromEntries(types.map((type) => [type, schema === undefined ? {} : { schema }]));
}

function responses(
  codes: Readonly<Record<string, string>>,
  item: Schema | undefined,
  types: readonly string[],
): Schema {
  const given = Object.entries(codes).map(([code, description]) => [
    code,
    { description, content: content(types, item) },
  ]);
  return Object.fromEntries([...given, ['401', { description: 'Unauthorized' }]]);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
