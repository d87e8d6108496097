import { type AnyObject, toApiVersion } from '../../machinery/object/object.ts';
import { trackUpdate } from '../../machinery/patch/apply/apply.ts';
import { FieldSet } from '../../machinery/patch/apply/field-set.ts';
import { toWire } from '../../machinery/schema/decode.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { VerbScope } from './scope.ts';

/** Notes in `next.metadata.managedFields` what the manager changed. */
export function trackFields(scope: VerbScope, previous: AnyObject | undefined, next: AnyObject, manager: string): void {
  const { schema } = scope.bodyDefinition;
  const apiVersion = toApiVersion(scope.bodyDefinition);
  const empty = { apiVersion, kind: scope.bodyDefinition.kind, metadata: {} };
  const tracked = trackUpdate({
    shape: schema,
    manager,
    apiVersion,
    subresource: scope.subresource,
    nowText: toTimeText(scope.deps.clock.nowMs()),
    reset: resetFields(scope),
    live: previous ?? toWire(empty, schema),
    next: toWire(next, schema),
  });
  const { managedFields } = tracked.metadata;
  if (managedFields === undefined) delete next.metadata.managedFields;
  else next.metadata.managedFields = managedFields;
}

/** What a path does not let its callers own: the strategy undoes it anyway. Source: `GetResetFields` of the strategies. */
export function resetFields({ definition, subresource }: VerbScope): FieldSet | undefined {
  if (subresource === '') return definition.hasStatus ? setOf(['f:status']) : undefined;
  if (subresource !== 'status') return undefined;
  if (definition.origin === 'custom') return setOf(['f:spec'], ['f:metadata']);
  return setOf(['f:spec']);
}

function setOf(...paths: readonly (readonly string[])[]): FieldSet {
  const set = new FieldSet();
  for (const path of paths) set.insert(path);
  return set;
}
