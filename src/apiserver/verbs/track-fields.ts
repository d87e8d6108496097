import { type AnyObject, toApiVersion } from '../../machinery/object/object.ts';
import { type FieldManagement, trackUpdate } from '../../machinery/patch/apply/apply.ts';
import type { KindVersions } from '../../machinery/patch/apply/versions.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import { toWireObject } from '../registry/wire-object.ts';
import { withVersions } from './kind-versions.ts';
import { ownedFields } from './owned-fields.ts';
import type { VerbScope } from './scope.ts';

/** Who writes through this path, and what the path lets him own. */
export function fieldManagement(
  scope: VerbScope,
  manager: string,
  versions: KindVersions | undefined,
): FieldManagement {
  const { bodyDefinition, definition, subresource, deps } = scope;
  return {
    shape: bodyDefinition.schema,
    filter: ownedFields(definition, subresource),
    versions,
    manager,
    apiVersion: toApiVersion(bodyDefinition),
    subresource,
    nowText: toTimeText(deps.clock.nowMs()),
  };
}

/** Notes in `next.metadata.managedFields` what the manager changed. */
export async function trackFields(
  scope: VerbScope,
  previous: AnyObject | undefined,
  next: AnyObject,
  manager: string,
): Promise<void> {
  const { bodyDefinition } = scope;
  const empty = { apiVersion: toApiVersion(bodyDefinition), kind: bodyDefinition.kind, metadata: {} };
  const { managedFields: given } = next.metadata;
  const wire = toWireObject(next, bodyDefinition);
  // An empty list is a wish of its own, though nobody writes it down.
  if (given !== undefined && given !== null && given.length === 0) wire.metadata.managedFields = [];
  const tracked = await withVersions(scope, (versions) =>
    trackUpdate({
      ...fieldManagement(scope, manager, versions),
      live: previous ?? toWireObject(empty, bodyDefinition),
      next: wire,
    }),
  );
  const { managedFields } = tracked.metadata;
  if (managedFields === undefined) delete next.metadata.managedFields;
  else next.metadata.managedFields = managedFields;
}
