import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { ageOf } from '../../resources/columns.ts';
import { valueAt } from './paths.ts';

/** What `kubectl get --subresource=scale` shows. Source: `pkg/printers/internalversion/printers.go` (printScale). */
export const scaleColumns: ResourceDefinition['columns'] = [
  { name: 'Name', type: 'string', cell: ({ metadata }) => metadata.name ?? '' },
  { name: 'Desired', type: 'integer', cell: (scale) => valueAt(scale, '.spec.replicas') ?? 0 },
  { name: 'Available', type: 'integer', cell: (scale) => valueAt(scale, '.status.replicas') ?? 0 },
  { name: 'Age', type: 'string', cell: ({ metadata }, { nowMs }) => ageOf(metadata.creationTimestamp, nowMs) },
];
