import type { KubeObject } from '../machinery/object/object.ts';
import type { Column } from '../machinery/object/resource-definition.ts';

/** A duration as kubectl shows ages. Source: apimachinery `pkg/util/duration/duration.go` (HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  if (days < 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  if (days < 365 * 8) return days % 365 === 0 ? `${years}y` : `${years}y${days % 365}d`;
  return `${years}y`;
}

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
