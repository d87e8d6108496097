import { type AnyObject, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { checkTyped } from '../../machinery/patch/apply/check-typed.ts';
import type { KindVersions } from '../../machinery/patch/apply/versions.ts';
import { ownedFields } from './owned-fields.ts';
import type { VerbScope } from './scope.ts';

/** The other versions of a scope's kind, for the managers that wrote in them. Undefined where there is one version only. */
export function kindVersions({ siblings, subresource }: VerbScope): KindVersions | undefined {
  if (siblings === undefined || siblings.length < 2) return undefined;
  const byVersion = (apiVersion: string): ResourceDefinition | undefined =>
    siblings.find((sibling) => toApiVersion(sibling) === apiVersion);
  return {
    find(apiVersion) {
      const found = byVersion(apiVersion);
      return found === undefined ? undefined : { shape: found.schema, filter: ownedFields(found, subresource) };
    },
    convert(object, apiVersion) {
      const target = byVersion(apiVersion);
      const source = byVersion(object.apiVersion ?? '');
      if (target === undefined || source === undefined) return object;
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
