import type { ServedResourceEntry, ServedSubresource } from '../served-resources.ts';
import type { GroupVersionKindEntry, Schema } from './builtin-schemas.ts';

export interface ResourceSchemas {
  readonly item: Schema;
  readonly list: Schema;
  readonly status: Schema;
  readonly deleteOptions: Schema;
  readonly patch: Schema;
  /** Of a kind that a subresource shows instead; undefined where no schema is known. */
  subresource(subresource: ServedSubresource): Schema | undefined;
}

type Operation = Record<string, unknown>;
export type Paths = Record<string, Record<string, unknown>>;

const answers = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const patches = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const listParameters: readonly (readonly [string, string])[] = [
  ['allowWatchBookmarks', 'boolean'],
  ['continue', 'string'],
  ['fieldSelector', 'string'],
  ['labelSelector', 'string'],
  ['limit', 'integer'],
  ['resourceVersion', 'string'],
  ['resourceVersionMatch', 'string'],
  ['sendInitialEvents', 'boolean'],
  ['timeoutSeconds', 'integer'],
  ['watch', 'boolean'],
];
const writeParameters: readonly (readonly [string, string])[] = [
  ['dryRun', 'string'],
  ['fieldManager', 'string'],
  ['fieldValidation', 'string'],
];
const patchParameters: readonly (readonly [string, string])[] = [...writeParameters, ['force', 'boolean']];
const deleteParameters: readonly (readonly [string, string])[] = [
  ['dryRun', 'string'],
  ['gracePeriodSeconds', 'integer'],
  ['orphanDependents', 'boolean'],
  ['propagationPolicy', 'string'],
];

/** The paths of a resource with what each of them takes and gives. Source: apiserver `pkg/endpoints/installer.go`. */
export function addPaths(paths: Paths, entry: ServedResourceEntry, schemas: ResourceSchemas): void {
  const { definition, verbs } = entry;
  const { group, version, kind, plural, namespaced } = definition;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced ? '/namespaces/{namespace}' : '';
  const collection = `${root}${scope}/${plural}`;
  const scoped = namespaced ? [pathParameter('namespace')] : [];
  const maker = new OperationMaker({ group, version, kind }, namespaced ? 'Namespaced' : '');
  const has = (verb: string): boolean => verbs.includes(verb as never);
  const custom = definition.origin === 'custom';
  const types = custom ? answers.slice(0, 2) : answers;
  const patchTypes = custom ? patches.filter((type) => !type.includes('strategic')) : patches;
  setPath(paths, collection, scoped, {
    get: has('list') && maker.read('list', schemas.list, { types, parameters: listParameters }),
    post: has('create') && maker.write('post', schemas.item, { types, parameters: writeParameters }),
    delete:
      has('deletecollection') && maker.remove('deletecollection', schemas, [...listParameters, ...deleteParameters]),
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
    delete: has('delete') && maker.remove('delete', schemas, deleteParameters),
  });
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
      const connections = Object.entries(methods).map(([verb, method]) => [method, can(verb) && own.connect(method)]);
      setPath(paths, `${one}/${subresource.name}`, parameters, Object.fromEntries(connections));
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

function setPath(
  paths: Paths,
  path: string,
  parameters: readonly Schema[],
  operations: Readonly<Record<string, Operation | false>>,
): void {
  const given = Object.entries(operations).filter(([, operation]) => operation !== false);
  if (given.length === 0) return;
  const pretty = { name: 'pretty', in: 'query', schema: { type: 'string', uniqueItems: true } };
  paths[path] = { ...Object.fromEntries(given), parameters: [...parameters, pretty] };
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
    options: { types: readonly string[]; parameters: readonly (readonly [string, string])[]; suffix?: string },
  ): Operation {
    const types =
      action === 'list' ? [...options.types, ...options.types.map((type) => `${type};stream=watch`)] : options.types;
    const verb = action === 'list' ? 'list' : 'read';
    return {
      ...this.#base(verb, action, options.suffix === undefined ? {} : { suffix: options.suffix }),
      parameters: toParameters(options.parameters),
      responses: responses({ '200': 'OK' }, item, types),
    };
  }

  write(
    action: 'post' | 'put',
    item: Schema | undefined,
    options: { types: readonly string[]; parameters: readonly (readonly [string, string])[] },
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
    schemas: ResourceSchemas,
    parameters: readonly (readonly [string, string])[],
  ): Operation {
    const unique = [...new Map(parameters)];
    return {
      ...this.#base('delete', action, action === 'delete' ? {} : { method: 'Collection' }),
      parameters: toParameters(unique),
      requestBody: { content: content(['*/*'], schemas.deleteOptions) },
      responses: responses({ '200': 'OK', '202': 'Accepted' }, schemas.status, answers),
    };
  }

  connect(method: string): Operation {
    const base = this.#base('connect', 'connect', { method: capital(method) });
    return { ...base, responses: responses({ '200': 'OK' }, { type: 'string' }, ['*/*']) };
  }

  #base(verb: string, action: string, { suffix = '', method = '' } = {}): Operation {
    const { group, version, kind } = this.#owner ?? this.#kind;
    const [first = '', ...others] = (group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')).split('.');
    const groupName = first + others.map(capital).join('');
    const tail = this.#owner === undefined ? '' : capital(this.#owner.name);
    const scope = suffix === '' ? this.#scope : '';
    return {
      tags: [`${groupName}_${version}`],
      operationId: `${verb}${capital(groupName)}${capital(version)}${method}${scope}${kind}${tail}${suffix}`,
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': this.#kind,
    };
  }
}

function toParameters(parameters: readonly (readonly [string, string])[]): readonly Schema[] {
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
