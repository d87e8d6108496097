import type { AnyObject } from '../../machinery/object/object.ts';

interface Loose {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly items?: readonly Loose[];
  readonly rows?: readonly { readonly object?: Loose }[];
}

/** The same object, list or table without managed fields. Source: apiserver `pkg/audit/request.go`. */
export function withoutManagedFields(object: AnyObject): unknown {
  const { items, rows } = object as unknown as Loose;
  const own = strip(object as unknown as Loose);
  return {
    ...own,
    ...(items === undefined ? {} : { items: items.map(strip) }),
    ...(rows === undefined
      ? {}
      : { rows: rows.map((row) => (row.object === undefined ? row : { ...row, object: strip(row.object) })) }),
  };
}

function strip(object: Loose): Loose {
  if (object.metadata?.['managedFields'] === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
