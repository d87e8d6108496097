import type { FieldError } from '../../machinery/errors/field-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { isSameValue } from '../../machinery/schema/semantic-equality.ts';
import { cloneJson } from './clone-json.ts';
import { isSame } from './equality.ts';
import { type MetadataRounds, metadataRoundsOf } from './metadata-rounds.ts';

/** What an update of a resource, or of one of its subresources, keeps and demands. */
export interface UpdateRules {
  /** Undoes in `next` what this update may not change. */
  prepare(next: AnyObject, previous: AnyObject): void;
  validate(next: AnyObject, previous: AnyObject): readonly FieldError[];
  warnings(next: AnyObject, previous: AnyObject): readonly string[];
  /** How these rules look at metadata. Default: at the change. */
  readonly metadata?: MetadataRounds;
}

/** The rules of the resource itself: status stays, generation counts changes of the rest. */
export function mainRules(definition: ResourceDefinition): UpdateRules {
  const { strategy } = definition;
  return {
    prepare(next, previous) {
      if (strategy.prepareForUpdate !== undefined) strategy.prepareForUpdate(next, previous);
      else if (definition.hasStatus) keepField(next, previous, 'status');
      if (definition.generation === 'spec' && !haveSameSpec(next, previous, definition)) {
        next.metadata.generation = (previous.metadata.generation ?? 0) + 1;
      }
    },
    metadata: metadataRoundsOf(definition, 'object'),
    validate: (next, previous) => strategy.validateUpdate?.(next, previous) ?? [],
    warnings: (next, previous) => strategy.warningsOnUpdate?.(next, previous) ?? [],
  };
}

/** The rules of the status subresource: everything but the status stays. */
export function statusRules(definition: ResourceDefinition): UpdateRules {
  const { strategy } = definition;
  return {
    prepare(next, previous) {
      if (strategy.prepareForStatusUpdate !== undefined) {
        strategy.prepareForStatusUpdate(next, previous);
        return;
      }
      for (const field of new Set([...Object.keys(next), ...Object.keys(previous)])) {
        if (field !== 'status' && field !== 'metadata') keepField(next, previous, field);
      }
      keepMetadata(next, previous, definition);
    },
    metadata: metadataRoundsOf(definition, 'status'),
    validate: (next, previous) => strategy.validateStatusUpdate?.(next, previous) ?? [],
    warnings: (next) => strategy.warningsOnStatusUpdate?.(next) ?? [],
  };
}

/** Custom resources take no metadata through their status; built-in ones keep their labels and owners only. */
function keepMetadata(next: AnyObject, previous: AnyObject, definition: ResourceDefinition): void {
  const { managedFields, resourceVersion } = next.metadata;
  if (definition.origin === 'custom') {
    next.metadata = cloneJson(previous.metadata);
    assign(next.metadata, 'managedFields', managedFields);
    assign(next.metadata, 'resourceVersion', resourceVersion);
    return;
  }
  assign(next.metadata, 'labels', cloneJson(previous.metadata.labels));
  assign(next.metadata, 'ownerReferences', cloneJson(previous.metadata.ownerReferences));
}

function assign(target: object, field: string, value: unknown): void {
  const fields = target as Record<string, unknown>;
  if (value === undefined) delete fields[field];
  else fields[field] = value;
}

/** Takes over one field, or its absence, from the stored object. */
export function keepField(next: AnyObject, previous: AnyObject, field: string): void {
  assign(next, field, field in previous ? cloneJson(previous[field]) : undefined);
}

/** Kinds whose annotations count as part of what their controller must observe. Source: `pkg/registry/apps/deployment`. */
const countsAnnotations = new Set(['apps/deployments']);

/** The same for labels. Source: `pkg/registry/discovery/endpointslice`. */
const countsLabels = new Set(['discovery.k8s.io/endpointslices']);

/** Kinds that upstream compares by `reflect.DeepEqual`. Source: their strategies in `pkg/registry`. */
const comparesExactly = new Set([
  'networking.k8s.io/networkpolicies',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
]);

function haveSameSpec(next: AnyObject, previous: AnyObject, definition: ResourceDefinition): boolean {
  const { schema, hasStatus, origin } = definition;
  const tellsEmptyFromNone = comparesExactly.has(`${definition.group}/${definition.plural}`);
  const fields = new Set([...Object.keys(next), ...Object.keys(previous)]);
  for (const field of ['apiVersion', 'kind', 'metadata']) fields.delete(field);
  if (hasStatus) fields.delete('status');
  for (const field of fields) {
    const type = origin === 'builtin' ? schema.fields.get(field)?.type : undefined;
    const isKept =
      type === undefined
        ? isSame(next[field], previous[field])
        : isSameValue(next[field], previous[field], type, { tellsEmptyFromNone });
    if (!isKept) return false;
  }
  const key = `${definition.group}/${definition.plural}`;
  if (countsLabels.has(key) && !isSame(next.metadata.labels, previous.metadata.labels)) return false;
  return !countsAnnotations.has(key) || isSame(next.metadata.annotations, previous.metadata.annotations);
}
