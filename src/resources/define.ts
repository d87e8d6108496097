import discovery from '../generated/discovery.json' with { type: 'json' };
import type { ResourceType } from '../generated/resource-types.ts';
import type { KubeObject } from '../machinery/object/object.ts';
import { toApiVersion } from '../machinery/object/object.ts';
import type {
  ResourceDefinition,
  ScalePaths,
  Strategy,
  SubresourceRecord,
  Verb,
} from '../machinery/object/resource-definition.ts';
import { builtinShape, typeNameOf } from '../machinery/schema/builtin.ts';
import type { ObjectShape } from '../machinery/schema/type-schema.ts';
import { type Cells, tableColumns } from './columns.ts';

/** What a kind says of itself; the rest is upstream's discovery. */
export interface KindRules<T> {
  /** Default: the plural. Source: kube-apiserver's storage factory (special prefixes). */
  readonly storagePrefix?: string;
  readonly storageVersion?: string;
  readonly convert?: ResourceDefinition['convert'];
  readonly scale?: ScalePaths;
  /** What the columns of the kind's table show, by their name. `Name`, `Age` and `Created At` need none. */
  readonly cells?: Cells<T>;
  readonly columns?: ResourceDefinition<T & KubeObject>['columns'];
  /** See {@link ResourceDefinition.compareRows}. */
  readonly compareRows?: (a: T, b: T) => number;
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  readonly generation?: 'spec' | 'none';
  readonly allowCreateOnUpdate?: boolean;
  readonly allowUnconditionalUpdate?: boolean;
  readonly defaultPropagation?: ResourceDefinition['defaultPropagation'];
  readonly leaseSeconds?: number;
  /** See {@link ResourceDefinition.deprecation}. */
  readonly deprecation?: string;
  /** See {@link ResourceDefinition.propagationWarning}. */
  readonly propagationWarning?: string;
  /** See {@link ResourceDefinition.internalGroup}. */
  readonly internalGroup?: string;
  readonly strategy?: Strategy<T>;
}

interface DiscoveredResource {
  readonly name: string;
  readonly singularName: string;
  readonly kind: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs: readonly string[];
  readonly group?: string;
  readonly version?: string;
}

const documents = discovery as unknown as Readonly<
  Record<string, { readonly resources?: readonly DiscoveredResource[] }>
>;

/** The record of a built-in kind. The shape is compiled when first asked for: most kinds are never used in a tenant. */
export function defineResource<T extends KubeObject>(
  type: ResourceType<T>,
  rules: KindRules<NoInfer<T>> = {},
): ResourceDefinition {
  const path = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const resources = documents[path]?.resources ?? [];
  const found = resources.find(({ name }) => name === type.plural);
  const names = (name: string): Readonly<Record<string, SubresourceRecord>> =>
    Object.fromEntries(
      resources
        .filter((other) => other.name.startsWith(`${name}/`))
        .map(({ name: full, kind, group, version, verbs }) => [
          full.slice(name.length + 1),
          { kind, group, version, verbs },
        ]),
    );
  const subresources = names(type.plural);
  const { status: _status, scale: _scale, ...further } = subresources;
  const definition: Omit<ResourceDefinition<T>, 'schema'> = {
    group: type.group,
    version: type.version,
    kind: type.kind,
    plural: type.plural,
    namespaced: type.namespaced,
    listKind: `${type.kind}List`,
    singular: found?.singularName ?? type.kind.toLowerCase(),
    shortNames: found?.shortNames ?? [],
    categories: found?.categories ?? [],
    verbs: (found?.verbs ?? []) as readonly Verb[],
    origin: 'builtin',
    storagePrefix: rules.storagePrefix ?? type.plural,
    storageVersion: rules.storageVersion ?? type.version,
    convert: rules.convert,
    hasStatus: subresources['status'] !== undefined,
    scale: rules.scale,
    subresources: further,
    columns: rules.columns ?? tableColumns(type, rules.cells ?? {}),
    compareRows: rules.compareRows,
    selectableFields: rules.selectableFields ?? {},
    generation: rules.generation ?? 'none',
    allowCreateOnUpdate: rules.allowCreateOnUpdate ?? false,
    allowUnconditionalUpdate: rules.allowUnconditionalUpdate ?? true,
    defaultPropagation: rules.defaultPropagation ?? 'Background',
    leaseSeconds: rules.leaseSeconds,
    deprecation: rules.deprecation,
    propagationWarning: rules.propagationWarning,
    internalGroup: rules.internalGroup,
    strategy: withSpec(rules.strategy ?? {}, () => (record as ResourceDefinition).schema),
  };
  const typeName = typeNameOf(toApiVersion(type), type.kind);
  if (typeName === undefined) throw new Error(`no type for ${toApiVersion(type)} ${type.kind}`);
  const record = Object.defineProperty(definition, 'schema', {
    enumerable: true,
    get: (): ObjectShape => builtinShape(typeName),
  }) as unknown as ResourceDefinition;
  return record;
}

/** In Go a plain struct is never absent: rules can count on the spec of kinds that have one. */
function withSpec<T extends KubeObject>(strategy: Strategy<T>, schemaOf: () => ObjectShape): Strategy<T> {
  return {
    ...strategy,
    applyDefaults(object) {
      const parts = object as { spec?: unknown };
      if (parts.spec === undefined && schemaOf().fields.get('spec')?.pointer === false) parts.spec = {};
      strategy.applyDefaults?.(object);
    },
  };
}
