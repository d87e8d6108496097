import {
  BOOL,
  type CelType,
  DYN,
  INT,
  listOf,
  mapOf,
  STRING,
  struct,
  TIMESTAMP,
} from '../../machinery/cel/cel-type.ts';
import { type FunctionDecl, member, overload } from '../../machinery/cel/functions/function.ts';

/** Source of all: apiserver `pkg/admission/plugin/cel/compile.go`, `pkg/cel/library/authz.go`. */

type Fields = ReadonlyMap<string, CelType>;
export type Structs = ReadonlyMap<string, Fields>;

const strings = (...names: string[]): (readonly [string, CelType])[] => names.map((name) => [name, STRING] as const);
const fields = (...entries: (readonly [string, CelType])[]): Fields => new Map(entries);

const kind = struct('kubernetes.GroupVersionKind');
const resource = struct('kubernetes.GroupVersionResource');
const user = struct('kubernetes.UserInfo');
const condition = struct('kubernetes.NamespaceCondition');

export const REQUEST = struct('kubernetes.AdmissionRequest');
export const NAMESPACE = struct('kubernetes.Namespace');

/** What expressions know of a request and of its namespace. */
export const requestStructs: Structs = new Map([
  [kind.name, fields(...strings('group', 'version', 'kind'))],
  [resource.name, fields(...strings('group', 'version', 'resource'))],
  [
    user.name,
    fields(...strings('username', 'uid'), ['groups', listOf(STRING)], ['extra', mapOf(STRING, listOf(STRING))]),
  ],
  [
    REQUEST.name,
    fields(
      ['kind', kind],
      ['resource', resource],
      ['requestKind', kind],
      ['requestResource', resource],
      ...strings('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
      ['userInfo', user],
      ['dryRun', BOOL],
      ['options', DYN],
    ),
  ],
  ['kubernetes.NamespaceSpec', fields(['finalizers', listOf(STRING)])],
  [condition.name, fields(...strings('status', 'type', 'message', 'reason'), ['lastTransitionTime', TIMESTAMP])],
  ['kubernetes.NamespaceStatus', fields(['conditions', listOf(condition)], ['phase', STRING])],
  [
    'kubernetes.NamespaceMetadata',
    fields(
      ...strings('name', 'generateName', 'namespace', 'UID', 'resourceVersion'),
      ['labels', mapOf(STRING, STRING)],
      ['annotations', mapOf(STRING, STRING)],
      ['creationTimestamp', TIMESTAMP],
      ['deletionTimestamp', TIMESTAMP],
      ['deletionGracePeriodSeconds', INT],
      ['generation', INT],
      ['finalizers', listOf(STRING)],
    ),
  ],
  [
    NAMESPACE.name,
    fields(
      ['metadata', struct('kubernetes.NamespaceMetadata')],
      ['spec', struct('kubernetes.NamespaceSpec')],
      ['status', struct('kubernetes.NamespaceStatus')],
    ),
  ],
]);

export const AUTHORIZER = struct('kubernetes.authorization.Authorizer');
export const RESOURCE_CHECK = struct('kubernetes.authorization.ResourceCheck');
const pathCheck = struct('kubernetes.authorization.PathCheck');
const groupCheck = struct('kubernetes.authorization.GroupCheck');
const decision = struct('kubernetes.authorization.Decision');

const method = (name: string, ...overloads: FunctionDecl['overloads']): FunctionDecl => ({ name, overloads });
const refinement = (name: string, id: string): FunctionDecl =>
  method(name, member(id, [RESOURCE_CHECK, STRING], RESOURCE_CHECK));
const told = (name: string, result: CelType): FunctionDecl =>
  method(name, member(`decision_${name}`, [decision], result));

/** What expressions may ask an authorizer. */
export const authorizerFunctions: readonly FunctionDecl[] = [
  method('path', member('authorizer_path', [AUTHORIZER, STRING], pathCheck)),
  method('group', member('authorizer_group', [AUTHORIZER, STRING], groupCheck)),
  method('serviceAccount', member('authorizer_serviceaccount', [AUTHORIZER, STRING, STRING], AUTHORIZER)),
  method('resource', member('groupcheck_resource', [groupCheck, STRING], RESOURCE_CHECK)),
  refinement('subresource', 'resourcecheck_subresource'),
  refinement('namespace', 'resourcecheck_namespace'),
  refinement('name', 'resourcecheck_name'),
  refinement('fieldSelector', 'authorizer_fieldselector'),
  refinement('labelSelector', 'authorizer_labelselector'),
  method(
    'check',
    member('pathcheck_check', [pathCheck, STRING], decision),
    member('resourcecheck_check', [RESOURCE_CHECK, STRING], decision),
  ),
  told('errored', BOOL),
  told('error', STRING),
  told('allowed', BOOL),
  told('reason', STRING),
];

export const JSON_PATCH = struct('JSONPatch');
export const OBJECT = struct('Object');
const patchFields = fields(...strings('op', 'path', 'from'), ['value', DYN]);

/** An object of which nothing is known: it has every field. */
const anyFields: Fields = Object.assign(new Map<string, CelType>(), { get: () => DYN, has: () => true });
const isObjectName = (name: string): boolean => name === OBJECT.name || name.startsWith(`${OBJECT.name}.`);

/** The structs given, and those in which patches are written: `JSONPatch`, `Object` and what is inside of it. */
export function withPatchStructs(structs: Map<string, Fields>): Structs {
  const get = structs.get.bind(structs);
  const has = structs.has.bind(structs);
  structs.set(JSON_PATCH.name, patchFields);
  return Object.assign(structs, {
    get: (name: string) => (isObjectName(name) ? anyFields : get(name)),
    has: (name: string) => isObjectName(name) || has(name),
  });
}

const escapeKey = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

export const patchFunctions: readonly FunctionDecl[] = [
  {
    name: 'jsonpatch.escapeKey',
    overloads: [overload('string_jsonpatch_escapeKey_string', [STRING], STRING, escapeKey)],
  },
];
