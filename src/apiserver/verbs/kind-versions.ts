import { type AnyObject, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { checkTyped } from '../../machinery/patch/apply/check-typed.ts';
import type { KindVersions } from '../../machinery/patch/apply/versions.ts';
import { ownedFields } from './owned-fields.ts';
import type { VerbScope } from './scope.ts';

/**
 * Runs what looks at an object in other versions of its kind. Where somebody else converts, he is asked for what is missing
 * and the run begins anew: it must change nothing but what it returns.
 */
export function withVersions<T>(scope: VerbScope, run: (versions: KindVersions | undefined) => T): T | Promise<T> {
  const { siblings } = scope;
  if (siblings === undefined || siblings.length < 2) return run(undefined);
  return siblings.some(({ remote }) => remote !== undefined)
    ? runAsking(scope, siblings, run)
    : run(kindVersions(scope, siblings));
}

/** Managers of an object keep to versions; there are never more questions than those and states of the object. */
async function runAsking<T>(
  scope: VerbScope,
  siblings: readonly ResourceDefinition[],
  run: (versions: KindVersions) => T,
): Promise<T> {
  const known = new Map<string, AnyObject>();
  for (;;) {
    try {
      return run(kindVersions(scope, siblings, known));
    } catch (error) {
      if (!(error instanceof MissingVersion)) throw error;
      known.set(error.key, await error.ask());
    }
  }
}

/** Thrown where an object is not known yet in a version that is looked at. */
class MissingVersion extends Error {
  readonly key: string;
  readonly ask: () => Promise<AnyObject>;

  constructor(key: string, ask: () => Promise<AnyObject>) {
    super('the object must be converted first');
    this.key = key;
    this.ask = ask;
  }
}

/** @param known - What was converted so far, where somebody has to be asked. */
function kindVersions(
  { subresource, bodyDefinition }: VerbScope,
  siblings: readonly ResourceDefinition[],
  known: ReadonlyMap<string, AnyObject> = new Map(),
): KindVersions {
  const byVersion = (apiVersion: string): ResourceDefinition | undefined =>
    // What a kind is called in another group is nothing that its managers are kept for.
    siblings.find((sibling) => sibling.group === bodyDefinition.group && toApiVersion(sibling) === apiVersion);
  return {
    find(apiVersion) {
      const found = byVersion(apiVersion);
      return found === undefined ? undefined : { shape: found.schema, filter: ownedFields(found, subresource) };
    },
    convert(object, apiVersion) {
      const target = byVersion(apiVersion);
      const source = byVersion(object.apiVersion ?? '');
      if (target === undefined || source === undefined) return object;
      const { remote } = target;
      if (remote !== undefined) {
        const key = `${apiVersion} ${JSON.stringify(object)}`;
        const converted = known.get(key);
        if (converted === undefined) throw new MissingVersion(key, () => remote.convert(object, apiVersion));
        checkTyped(converted, target.schema);
        return converted;
      }
      if (target.origin === 'custom') {
        // Fields that the other version does not know are not pruned here; they make the object unfit for it.
        const renamed = { ...object, apiVersion, kind: target.kind } as AnyObject;
        checkTyped(renamed, target.schema);
        return renamed;
      }
      const stored = source.convert?.toStorage(object) ?? object;
      const converted = target.convert?.fromStorage(stored) ?? stored;
      return { ...converted, apiVersion, kind: target.kind } as AnyObject;
    },
  };
}
