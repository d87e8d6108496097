import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { toWire } from '../machinery/schema/to-wire.ts';
import type { AuthenticatedCall, Handler } from './call.ts';
import type { Collection } from './registry/collection.ts';
import type { ResourceStore } from './registry/store.ts';
import { statusRules, type UpdateRules } from './registry/update-rules.ts';
import type { SubresourceHandlers, VerbHandlers } from './served-resource.ts';
import type { Creater } from './subresources/creater.ts';
import { ScaleTarget } from './subresources/scale.ts';
import { createHandler } from './verbs/create.ts';
import { deleteHandler } from './verbs/delete.ts';
import { deleteCollectionHandler } from './verbs/delete-collection.ts';
import { getHandler, getScaleHandler } from './verbs/get.ts';
import { listHandler } from './verbs/list.ts';
import { patchHandler } from './verbs/patch.ts';
import type { VerbDeps, VerbScope } from './verbs/scope.ts';
import { updateHandler } from './verbs/update.ts';

export interface StoredParts {
  readonly definition: ResourceDefinition;
  readonly store: ResourceStore;
  readonly collection: Collection;
  /** The kind in all its versions. */
  readonly siblings: readonly ResourceDefinition[];
  readonly deps: VerbDeps;
}

/** The verbs of a stored resource, as far as its record allows them. */
export function storedVerbs({ definition, store, collection, siblings, deps }: StoredParts): VerbHandlers {
  const scope: VerbScope = { definition, bodyDefinition: definition, subresource: '', siblings, deps };
  const allowed = new Set<string>(definition.verbs);
  const when = (verb: string, make: () => Handler<AuthenticatedCall>): Handler<AuthenticatedCall> | undefined =>
    allowed.has(verb) ? make() : undefined;
  return {
    create: when('create', () => createHandler(scope, (object, request) => store.create(object, request))),
    list: when('list', () => listHandler(scope, collection)),
    deleteCollection: when('deletecollection', () => deleteCollectionHandler(scope, store, collection)),
    get: when('get', () => getHandler(scope, collection)),
    update: when('update', () => updateHandler(scope, { store })),
    patch: when('patch', () => patchHandler(scope, { store })),
    delete: when('delete', () => deleteHandler(scope, store)),
  };
}

/** A subresource that shows the object and changes a part of it. */
export function partHandlers(
  { definition, store, collection, siblings, deps }: StoredParts,
  subresource: string,
  rules: UpdateRules,
): SubresourceHandlers {
  const scope: VerbScope = { definition, bodyDefinition: definition, subresource, siblings, deps };
  return {
    GET: getHandler(scope, collection),
    PUT: updateHandler(scope, { store, rules }),
    PATCH: patchHandler(scope, { store, rules }),
  };
}

export function statusHandlers(parts: StoredParts): SubresourceHandlers {
  return partHandlers(parts, 'status', statusRules(parts.definition));
}

/** @param scaleDefinition - The record of `autoscaling/v1, Scale`. */
export function scaleHandlers(
  { definition, store, deps }: StoredParts,
  scaleDefinition: ResourceDefinition,
): SubresourceHandlers | undefined {
  if (definition.scale === undefined) return undefined;
  const target = new ScaleTarget(store, definition.scale);
  const scope: VerbScope = { definition, bodyDefinition: scaleDefinition, subresource: 'scale', deps };
  return {
    GET: getScaleHandler(scope, target),
    PUT: updateHandler(scope, { store: target }),
    PATCH: patchHandler(scope, { store: target }),
  };
}

/** POST on something that is not stored: a binding, an eviction, a review. */
export function createOnlyHandler(
  scope: VerbScope,
  creater: Creater,
  options: { keepsSystemFields?: boolean } = {},
): Handler<AuthenticatedCall> {
  return createHandler(
    { ...scope, tables: false },
    async (object, request, call) => {
      const written = await creater.create(object, {
        ...request,
        key: { namespace: call.info.namespace, name: call.info.name },
        user: call.user,
        signal: call.signal,
        annotate: (key, value) => void call.annotations.set(key, value),
      });
      // What is stored is put in upstream's order on its way in; this never is.
      const { kind, schema } = scope.bodyDefinition;
      return written.object.kind === kind ? { ...written, object: toWire(written.object, schema) } : written;
    },
    options,
  );
}
