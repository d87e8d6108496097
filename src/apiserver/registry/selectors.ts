import { badRequest } from '../../machinery/errors/status-error.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { type FieldRequirement, matchesFields, parseFieldSelector } from '../../machinery/values/field-selector.ts';
import {
  type LabelRequirement,
  matchesLabels,
  parseLabelSelector,
  SelectorError,
} from '../../machinery/values/label-selector.ts';
import type { ServedItem } from '../pages.ts';
import type { Selector } from '../storage/stored-object.ts';

const everyKind: readonly string[] = ['metadata.name', 'metadata.namespace'];

/**
 * Both selectors of a request as one; undefined where everything matches.
 * @throws StatusError 400 in upstream's words.
 */
export function parseSelectors(
  query: { readonly labelSelector: string; readonly fieldSelector: string },
  definition: ResourceDefinition,
): Selector | undefined {
  const { labels, fields } = readSelectors(query);
  for (const requirement of fields) requireSelectable(requirement, definition);
  if (labels.length === 0 && fields.length === 0) return undefined;
  return {
    isSingle: fields.some(({ field, equal }) => field === 'metadata.name' && equal),
    matches: (objectLabels, objectFields) => matchesLabels(labels, objectLabels) && matchesFields(fields, objectFields),
  };
}

/** Judges objects as they look in a version, where nothing is kept beside the stored ones that tells it. */
export function matchesServed(
  selector: Selector,
  { selectableFields }: ResourceDefinition,
): (item: ServedItem) => boolean {
  const readers = Object.entries(selectableFields);
  return ({ object }) => {
    const { labels = {}, name = '', namespace } = object.metadata;
    const fields: Record<string, string> = { 'metadata.name': name };
    if (namespace !== undefined) fields['metadata.namespace'] = namespace;
    for (const [field, read] of readers) fields[field] = read(object);
    return selector.matches(labels, fields);
  };
}

/** Both selectors as they are written. @throws StatusError 400 */
export function readSelectors(query: { readonly labelSelector: string; readonly fieldSelector: string }): {
  readonly labels: readonly LabelRequirement[];
  readonly fields: readonly FieldRequirement[];
} {
  return {
    labels: read(() => parseLabelSelector(query.labelSelector)),
    fields: read(() => parseFieldSelector(query.fieldSelector)),
  };
}

function read<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message, { cause: error });
    throw error;
  }
}

function requireSelectable({ field }: FieldRequirement, definition: ResourceDefinition): void {
  if (Object.hasOwn(definition.selectableFields, field)) return;
  const hasOwnWords = definition.origin === 'custom' || Object.keys(definition.selectableFields).length > 0;
  const { group, version, kind, plural } = definition;
  // Built-in kinds without namespaces that name their fields do not name this one.
  const isNamed = everyKind.includes(field);
  const isMeant = field === 'metadata.name' || definition.namespaced || definition.origin === 'custom' || !hasOwnWords;
  if (isNamed && isMeant) return;
  switch (`${group}/${plural}`) {
    case 'batch/jobs':
      throw badRequest(`field label ${JSON.stringify(field)} not supported for Job`);
    case 'resource.k8s.io/resourceslices':
      throw badRequest(`field label not supported for ${group}/${version}, Kind=${kind}: ${field}`);
    default:
      if (hasOwnWords) throw badRequest(`field label not supported: ${field}`);
  }
  const known = everyKind.map((name) => JSON.stringify(name)).join(', ');
  throw badRequest(`${JSON.stringify(field)} is not a known field selector: only ${known}`);
}
