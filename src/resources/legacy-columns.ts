import type { KubeObject } from '../machinery/object/object.ts';
import type { Column } from '../machinery/object/resource-definition.ts';
import { humanDuration } from '../machinery/values/human-duration.ts';

export { humanDuration };

/** Time since an RFC 3339 text. */
export function ageOf(time: string | undefined | null, nowMs: number): string {
  return time ? humanDuration(nowMs - Date.parse(time)) : '<unknown>';
}

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  cell: ({ metadata }) => metadata.name ?? '',
};
export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  cell: ({ metadata }, { nowMs }) => ageOf(metadata.creationTimestamp, nowMs),
};

/** What a kind without a printer of its own shows. Source: apiserver `pkg/registry/rest/table.go`. */
export const defaultColumns: readonly Column<KubeObject>[] = [
  nameColumn,
  { name: 'Created At', type: 'date', cell: ({ metadata }) => metadata.creationTimestamp ?? '<unknown>' },
];

/** Labels or a selector as one cell: `a=b,c=d`, sorted. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined | null): string {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? '<none>' : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

/** `<none>` for an empty list, else its items in one cell. */
export function listText(items: readonly string[] | undefined | null): string {
  return items && items.length > 0 ? items.join(',') : '<none>';
}

/** A string column from a function. */
export function column<T>(name: string, cell: Column<T>['cell'], more: Partial<Column<T>> = {}): Column<T> {
  return { name, type: 'string', cell, ...more };
}

/** Shown with `-o wide` only. */
export const wide = { priority: 1 } as const;
