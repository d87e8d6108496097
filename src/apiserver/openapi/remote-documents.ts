import type { Answer, AuthenticatedCall } from '../call.ts';

/** What another server says of its paths in OpenAPI 2.0, and of nothing else. */
export interface RemoteSwagger {
  readonly paths: Readonly<Record<string, unknown>>;
  readonly definitions: Readonly<Record<string, unknown>>;
}

/** Documents of what other servers serve. */
export interface RemoteDocuments {
  /** Addresses of documents of 3.0 by their paths, such as `apis/metrics.k8s.io/v1beta1`. */
  v3Index(): Promise<ReadonlyMap<string, string>>;
  /** Passes a call for such a document on; undefined for paths that are served here. */
  v3(call: AuthenticatedCall, path: string): Promise<Answer> | undefined;
  /** In the order in which they are added. The same array for as long as nothing changes. */
  v2(): Promise<readonly RemoteSwagger[]>;
}

/**
 * Adds what other servers say. Schemas that have the name of another one and differ from it get a name of their own.
 * Source: kube-openapi `pkg/aggregator/aggregator.go` (MergeSpecsIgnorePathConflictRenamingDefinitionsAndParameters).
 */
export function addRemote(document: Record<string, unknown>, parts: readonly RemoteSwagger[]): Record<string, unknown> {
  const paths = { ...(document['paths'] as Record<string, unknown>) };
  const definitions = { ...(document['definitions'] as Record<string, unknown>) };
  for (const part of parts) {
    const names = namesFor(part.definitions, definitions);
    for (const [name, schema] of Object.entries(part.definitions)) {
      definitions[names.get(name) ?? name] ??= withNames(schema, names);
    }
    for (const [path, item] of Object.entries(part.paths)) paths[path] ??= withNames(item, names);
  }
  return { ...document, paths: inOrder(paths), definitions: inOrder(definitions) };
}

/** Only names that change. */
function namesFor(
  added: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, schema] of Object.entries(added)) {
    if (known[name] === undefined || sameSchema(known[name], schema)) continue;
    let number = 2;
    while (known[`${name}_v${number}`] !== undefined && !sameSchema(known[`${name}_v${number}`], schema)) number += 1;
    names.set(name, `${name}_v${number}`);
  }
  return names;
}

/** Apart from what people read. */
function sameSchema(a: unknown, b: unknown): boolean {
  return JSON.stringify(withoutTexts(a)) === JSON.stringify(withoutTexts(b));
}

function withoutTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, inner]) => !key.startsWith('x-kubernetes-') && !(key === 'description' && typeof inner === 'string'),
  );
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, withoutTexts(inner)]),
  );
}

const PREFIX = '#/definitions/';

function withNames(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (names.size === 0) return value;
  if (Array.isArray(value)) return value.map((each) => withNames(each, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key !== '$ref' || typeof inner !== 'string' || !inner.startsWith(PREFIX))
        return [key, withNames(inner, names)];
      const name = inner.slice(PREFIX.length);
      return [key, `${PREFIX}${names.get(name) ?? name}`];
    }),
  );
}

/** What a document says of some paths, with the schemas that these refer to. */
export function partOf(document: unknown, prefix: string): RemoteSwagger {
  const { paths = {}, definitions = {} } = (document ?? {}) as Partial<RemoteSwagger>;
  const own = Object.entries(paths).filter(([path]) => path === prefix || path.startsWith(`${prefix}/`));
  const used = new Map<string, unknown>();
  const follow = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === '$ref' && typeof inner === 'string' && inner.startsWith(PREFIX)) {
        const name = inner.slice(PREFIX.length);
        if (used.has(name) || definitions[name] === undefined) continue;
        used.set(name, definitions[name]);
        follow(definitions[name]);
      } else follow(inner);
    }
  };
  follow(own.map(([, item]) => item));
  return { paths: Object.fromEntries(own), definitions: Object.fromEntries(used) };
}

function inOrder(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
