import type { ResourceType } from '../generated/resource-types.ts';
import tables from '../generated/tables.json' with { type: 'json' };
import { type KubeObject, toApiVersion } from '../machinery/object/object.ts';
import type { Column } from '../machinery/object/resource-definition.ts';
import { humanDuration } from './human-duration.ts';

type Cell<T> = Column<T>['cell'];

/** Cells by the name of their column. */
export type Cells<T> = Readonly<Record<string, Cell<T>>>;

type Row = readonly [name: string, type: string, format: string, priority: number];
const rows = tables as unknown as Readonly<Record<string, readonly Row[]>>;

/** What a kind without a printer of its own shows. Source: apiserver `pkg/registry/rest/table.go`. */
const defaultRows: readonly Row[] = [
  ['Name', 'string', 'name', 0],
  ['Created At', 'date', '', 0],
];

const standardCells: Cells<KubeObject> = {
  Name: ({ metadata }) => metadata.name ?? '',
  Age: ({ metadata }, { nowMs }) => ageOf(metadata.creationTimestamp, nowMs),
  'Created At': ({ metadata }) => metadata.creationTimestamp ?? '0001-01-01T00:00:00Z',
};

/** The columns of a kind in upstream's order, with upstream's types and priorities. @throws Error without a cell for one */
export function tableColumns<T extends KubeObject>(type: ResourceType<T>, cells: Cells<T>): readonly Column<T>[] {
  return (rows[`${toApiVersion(type)}/${type.plural}`] ?? defaultRows).map(([name, kind, format, priority]) => {
    const cell = cells[name] ?? (standardCells[name] as Cell<T> | undefined);
    if (cell === undefined) throw new Error(`no cell for column ${name} of ${type.plural}`);
    return {
      name,
      type: kind as Column['type'],
      ...(format === '' ? {} : { format }),
      ...(priority === 0 ? {} : { priority }),
      cell,
    };
  });
}

/** Time since an RFC 3339 text. */
export function ageOf(time: string | undefined, nowMs: number): string {
  return time ? humanDuration(nowMs - Date.parse(time)) : '<unknown>';
}

/** Labels or a plain selector as one cell: `a=b,c=d`, sorted. Source: apimachinery `labels.FormatLabels`. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? '<none>' : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

/** A few items, and how many more there are. */
export function fewOf(items: readonly string[], max: number, total: number): string {
  const shown = items.slice(0, max).join(',');
  return total > max ? `${shown} + ${total - max} more...` : shown;
}
