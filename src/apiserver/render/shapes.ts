import type { Negotiated } from '../../machinery/codecs/negotiate.ts';
import { toPartialMetadata, toTable } from '../../machinery/codecs/table.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';

/** How objects are to be shown instead of themselves. */
export interface Shape {
  readonly form: Negotiated;
  readonly definition: ResourceDefinition;
  readonly nowMs: number;
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  /** Tables of later watch events repeat no column definitions. */
  readonly withoutHeader?: boolean | undefined;
}

/** One object as a table of one row, or reduced to its metadata. */
export function shapeObject(object: AnyObject, shape: Shape): AnyObject {
  const version = shape.form.version === 'v1beta1' ? 'v1beta1' : 'v1';
  if (shape.form.as !== 'Table') return toPartialMetadata(object, version);
  const { resourceVersion } = object.metadata;
  return tableOf([object], shape, resourceVersion === undefined ? {} : { resourceVersion });
}

export function tableOf(
  objects: readonly AnyObject[],
  shape: Shape,
  metadata: Readonly<Record<string, unknown>>,
): AnyObject {
  const { definition, includeObject, nowMs, withoutHeader } = shape;
  return toTable(objects, definition.columns, {
    includeObject,
    version: shape.form.version === 'v1beta1' ? 'v1beta1' : 'v1',
    nowMs,
    metadata,
    conditionsOf: definition.group === '' && definition.plural === 'pods' ? podConditions : undefined,
    ...(withoutHeader ? { withoutHeader } : {}),
  });
}

const endings: Readonly<Record<string, string>> = {
  Succeeded: 'The pod has completed successfully.',
  Failed: 'The pod failed.',
};

/** Source: `pkg/printers/internalversion/printers.go` (printPod). */
function podConditions(pod: AnyObject): readonly unknown[] | undefined {
  const { phase = '' } = (pod['status'] ?? {}) as { phase?: string };
  const message = endings[phase];
  return message === undefined ? undefined : [{ type: 'Completed', status: 'True', reason: phase, message }];
}
