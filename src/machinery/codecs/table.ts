import type { AnyObject } from '../object/object.ts';
import type { Column } from '../object/resource-definition.ts';

export interface TableOptions {
  /** What goes beside the cells. Default of the API: `Metadata`. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  readonly version: 'v1' | 'v1beta1';
  readonly nowMs: number;
  /** List metadata; empty for one object. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Leaves out the column definitions, as later events of a watch do. */
  readonly withoutHeader?: boolean;
  /** What rows say of themselves beside the cells, such as that a pod has completed. */
  readonly conditionsOf?: ((object: AnyObject) => readonly unknown[] | undefined) | undefined;
}

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** The rows of `kubectl get`. Source: apiserver `pkg/endpoints/handlers/response.go` (asTable). */
export function toTable(objects: readonly AnyObject[], columns: readonly Column[], options: TableOptions): AnyObject {
  const { includeObject, version, nowMs, metadata } = options;
  const rows = objects.map((object) => {
    const conditions = options.conditionsOf?.(object);
    return {
      cells: columns.map((column) => column.cell(object, { nowMs }) ?? null),
      ...(conditions === undefined ? {} : { conditions }),
      object: rowObject(object, includeObject, version),
    };
  });
  const columnDefinitions = options.withoutHeader
    ? null
    : columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
        name,
        type,
        format,
        description,
        priority,
      }));
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions,
    rows,
  } as unknown as AnyObject;
}

function rowObject(
  object: AnyObject,
  include: TableOptions['includeObject'],
  version: TableOptions['version'],
): AnyObject | null {
  if (include === 'Object') return object;
  // The end of the initial events is marked by an annotation, which watchers need to see.
  const isNeeded = include === 'Metadata' || object.metadata.annotations?.[INITIAL_EVENTS_END] !== undefined;
  return isNeeded ? toPartialMetadata(object, version) : null;
}

/** An object reduced to its metadata. */
export function toPartialMetadata(object: AnyObject, version: 'v1' | 'v1beta1' = 'v1'): AnyObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}
