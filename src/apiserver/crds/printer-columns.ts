import type { CustomResourceColumnDefinition } from '../../generated/api/apiextensions/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Column } from '../../machinery/object/resource-definition.ts';
import { humanDuration } from '../../machinery/values/human-duration.ts';
import { parseJsonPath } from '../../machinery/values/json-path.ts';
import { parseTime } from '../../machinery/values/time.ts';

const nameColumn: Column<AnyObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  cell: ({ metadata }) => metadata.name ?? '',
};

const ageColumn: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
};

/**
 * The columns of a version. A path that nobody can read ends them.
 * Source: apiextensions-apiserver `pkg/registry/customresource/tableconvertor`.
 */
export function toColumns(
  columns: readonly CustomResourceColumnDefinition[] | undefined,
): readonly Column<AnyObject>[] {
  const result = [nameColumn];
  for (const column of columns?.length ? columns : [ageColumn]) {
    const find = parseJsonPath(column.jsonPath ?? '');
    if (find === undefined) break;
    result.push(toColumn(column, find));
  }
  return result;
}

function toColumn(
  { name = '', type = 'string', format, description, priority, jsonPath = '' }: CustomResourceColumnDefinition,
  find: (value: unknown) => unknown[],
): Column<AnyObject> {
  return {
    name,
    type: type as Column['type'],
    ...(format ? { format } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(priority ? { priority } : {}),
    // Of several results, the first one counts.
    cell: (object, { nowMs }) => toCell(find(object)[0], type, nowMs),
  };
}

function toCell(value: unknown, type: string, nowMs: number): unknown {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? toAge(value, nowMs) : null;
    default:
      return null;
  }
}

function toAge(text: string, nowMs: number): string {
  // Go reads nothing as no time, and the word `null` as well.
  if (text === '' || text === 'null') return '<unknown>';
  const time = parseTime(text);
  return time === undefined ? '<invalid>' : humanDuration(nowMs - time.seconds * 1000);
}
