import type * as v1 from '../../../generated/api/autoscaling/v1.ts';
import type { HorizontalPodAutoscaler } from '../../../generated/api/autoscaling/v2.ts';
import { horizontalpodautoscalers, horizontalpodautoscalersV2 } from '../../../generated/resource-types.ts';
import type { Cells } from '../../columns.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { autoscalerCells } from './columns.ts';
import { fromOldAutoscaler, toOldAutoscaler } from './conversion.ts';
import { defaultAutoscaler } from './defaults.ts';
import { validateAutoscaler, validateAutoscalerStatus } from './validation.ts';

export const autoscalerResource = defineResource(horizontalpodautoscalersV2, {
  storageVersion: 'v2',
  cells: autoscalerCells,
  strategy: specAndStatus<HorizontalPodAutoscaler>({
    applyDefaults: defaultAutoscaler,
    validateCreate: (object) => validateAutoscaler(object, undefined),
    validateUpdate: validateAutoscaler,
    validateStatusUpdate: validateAutoscalerStatus,
  }),
});

/** Both versions show the same table. */
const oldCells: Cells<v1.HorizontalPodAutoscaler> = Object.fromEntries(
  Object.entries(autoscalerCells).map(([name, cell]) => [
    name,
    (object: v1.HorizontalPodAutoscaler, now: { readonly nowMs: number }) => cell(fromOldAutoscaler(object), now),
  ]),
);

/** What upstream makes of an object when it reads it: the new version's form, seen through the old one. */
function settle(object: v1.HorizontalPodAutoscaler): void {
  object.spec.minReplicas ??= 1;
  const { metadata, spec, status } = toOldAutoscaler(fromOldAutoscaler(object));
  object.metadata = metadata;
  object.spec = spec;
  if (object.status !== undefined || Object.keys(status ?? {}).length > 0) object.status = status;
}

/** The old version: a view of the same stored objects. */
export const oldAutoscalerResource = defineResource(horizontalpodautoscalers, {
  storageVersion: 'v2',
  convert: {
    fromStorage: (stored) => toOldAutoscaler(stored as never) as never,
    toStorage: (object) => fromOldAutoscaler(object as never) as never,
  },
  cells: oldCells,
  strategy: specAndStatus<v1.HorizontalPodAutoscaler>({
    applyDefaults: settle,
    validateCreate: (object) => validateAutoscaler(fromOldAutoscaler(object), undefined),
    validateUpdate: (next, previous) => validateAutoscaler(fromOldAutoscaler(next), fromOldAutoscaler(previous)),
    validateStatusUpdate: (next) => validateAutoscalerStatus(fromOldAutoscaler(next)),
    prepareForCreate: dropStatusAnnotations,
    prepareForUpdate: keepStatusAnnotations,
    prepareForStatusUpdate: keepSpecAnnotations,
  }),
});

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const STATUS_ANNOTATIONS = [`${PREFIX}current-metrics`, `${PREFIX}conditions`];
const SPEC_ANNOTATIONS = [`${PREFIX}metrics`, `${PREFIX}behavior`];

/** The annotations are parts of spec and status, and go with them. */
function keepAnnotations(next: v1.HorizontalPodAutoscaler, from: Record<string, string> | undefined, keys: string[]) {
  const annotations = { ...next.metadata.annotations };
  for (const key of keys) {
    const kept = from?.[key];
    if (kept === undefined) delete annotations[key];
    else annotations[key] = kept;
  }
  next.metadata.annotations = Object.keys(annotations).length > 0 ? annotations : undefined;
}

function dropStatusAnnotations(object: v1.HorizontalPodAutoscaler): void {
  keepAnnotations(object, undefined, STATUS_ANNOTATIONS);
}

function keepStatusAnnotations(next: v1.HorizontalPodAutoscaler, previous: v1.HorizontalPodAutoscaler): void {
  keepAnnotations(next, previous.metadata.annotations, STATUS_ANNOTATIONS);
}

function keepSpecAnnotations(next: v1.HorizontalPodAutoscaler, previous: v1.HorizontalPodAutoscaler): void {
  keepAnnotations(next, previous.metadata.annotations, SPEC_ANNOTATIONS);
}
