import type { Scale } from '../../generated/api/autoscaling/v1.ts';
import { fieldInvalid } from '../../machinery/errors/field-error.ts';
import { badRequest, internalError, invalid, notFound } from '../../machinery/errors/status-error.ts';
import { type AnyObject, type ObjectKey, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition, ScalePaths } from '../../machinery/object/resource-definition.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { validateMetadata } from '../registry/metadata-validation.ts';
import { nameIsDnsSubdomain } from '../registry/name-rules.ts';
import type { ResourceStore, UpdateRequest, Written } from '../registry/store.ts';
import { mainRules } from '../registry/update-rules.ts';
import type { Updatable } from '../verbs/update.ts';
import { setValueAt, valueAt } from './paths.ts';
import { toParentManagers, toScaleManagers } from './scale-managers.ts';
import { selectorText } from './selector-text.ts';

/**
 * The numbers of a scalable object as a `Scale`.
 * Source: `pkg/registry/apps/deployment/storage` (scaleFromDeployment), apiextensions `customresource/etcd.go`.
 */
export function toScale(object: AnyObject, paths: ScalePaths): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = Number(valueAt(object, paths.specReplicas) ?? 0);
  const selector = selectorOf(object, paths);
  const scale: Scale & { metadata: AnyObject['metadata'] } = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: Number(valueAt(object, paths.statusReplicas) ?? 0),
      ...(selector === '' ? {} : { selector }),
    },
  };
  return scale as unknown as AnyObject;
}

function selectorOf(object: AnyObject, paths: ScalePaths): string {
  if (paths.selector === undefined) return '';
  const selector = valueAt(object, paths.selector);
  return typeof selector === 'string' ? selector : selectorText(selector);
}

/** Stands for a wish that a custom object leaves out: a change that leaves it so has none. Source: `customresource/etcd.go`. */
const UNSET_REPLICAS = -(2 ** 31);

/** Reads and writes a stored object through its scale. */
export class ScaleTarget implements Updatable {
  readonly #store: ResourceStore;
  readonly #paths: ScalePaths;

  constructor(store: ResourceStore, paths: ScalePaths) {
    this.#store = store;
    this.#paths = paths;
  }

  async get(key: ObjectKey): Promise<Written> {
    const { object } = await this.#store.get(key);
    const { specReplicas } = this.#paths;
    if (this.#store.definition.origin === 'custom' && valueAt(object, specReplicas) === undefined) {
      throw internalError(new Error(`the spec replicas field ${JSON.stringify(specReplicas)} does not exist`));
    }
    return { object: toScale(object, this.#paths) };
  }

  async update(
    key: ObjectKey,
    request: UpdateRequest,
  ): Promise<{ readonly written: Written; readonly created: boolean }> {
    const { definition } = this.#store;
    const paths = this.#paths;
    const { written } = await this.#store.update(key, {
      ...request,
      createsMissing: false,
      rules: mainRules(definition),
      transform: async (previous) => {
        if (previous === undefined) throw missing(definition, key);
        const field = { apiVersion: toApiVersion(definition), path: paths.specReplicas };
        const { managedFields } = previous.metadata;
        const old = toScale(previous, paths);
        const managers = toScaleManagers(managedFields, field);
        if (managers.length > 0) old.metadata.managedFields = managers;
        const isUnset = definition.origin === 'custom' && valueAt(previous, paths.specReplicas) === undefined;
        if (isUnset) setValueAt(old, '.spec.replicas', UNSET_REPLICAS);
        const scale = await request.transform(old);
        if (valueAt(scale, '.spec.replicas') === UNSET_REPLICAS) {
          throw badRequest(`the spec replicas field ${JSON.stringify(paths.specReplicas)} cannot be empty`);
        }
        validateScale(scale, definition, paths, key.name);
        const next = cloneJson(previous);
        setValueAt(next, paths.specReplicas, Number(valueAt(scale, '.spec.replicas') ?? 0));
        // Whoever names a revision of the scale means the one of the object.
        next.metadata.resourceVersion = scale.metadata.resourceVersion || previous.metadata.resourceVersion;
        const parents = toParentManagers(managedFields, scale.metadata.managedFields, field);
        if (parents.length > 0) next.metadata.managedFields = parents;
        else delete next.metadata.managedFields;
        return next;
      },
      validate: (next, previous) => request.validate(toScale(next, paths), toScale(previous, paths)),
    });
    return { written: { object: toScale(written.object, paths) }, created: false };
  }
}

function missing({ group, plural }: ResourceDefinition, key: ObjectKey): Error {
  return notFound({ group, resource: plural }, key.name);
}

function validateScale(
  scale: AnyObject,
  { origin, group, kind }: ResourceDefinition,
  { specReplicas }: ScalePaths,
  name: string,
): void {
  const replicas = valueAt(scale, '.spec.replicas') ?? 0;
  const isNegative = Number(replicas) < 0;
  if (origin === 'custom') {
    if (!isNegative) return;
    throw invalid({ group, kind }, name, [fieldInvalid(specReplicas, replicas, 'should be a non-negative integer')]);
  }
  // Source: `pkg/apis/autoscaling/validation` (ValidateScale).
  const faults = [
    ...validateMetadata(scale.metadata, { namespaced: true, nameRule: nameIsDnsSubdomain }),
    ...(isNegative ? [fieldInvalid('spec.replicas', replicas, 'must be greater than or equal to 0')] : []),
  ];
  if (faults.length > 0) throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, faults);
}
