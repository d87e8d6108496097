import type { FlowSchema } from '../../../generated/api/flowcontrol/v1.ts';
import { flowschemas } from '../../../generated/resource-types.ts';
import { keepMetadata } from '../../checks/status-metadata.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { validateFlowSchema, validateFlowSchemaStatus } from './validation.ts';

const DEFAULT_PRECEDENCE = 1000;

const precedenceOf = ({ spec }: FlowSchema): number => spec.matchingPrecedence ?? 0;

export const flowSchemaResource = defineResource(flowschemas, {
  generation: 'spec',
  cells: {
    PriorityLevel: ({ spec }) => spec.priorityLevelConfiguration?.name ?? '',
    MatchingPrecedence: ({ spec }) => spec.matchingPrecedence ?? 0,
    DistinguisherMethod: ({ spec: { distinguisherMethod: method } }) =>
      method === undefined ? '<none>' : (method.type ?? ''),
    MissingPL: ({ status }) => {
      const found = status?.conditions?.find(({ type }) => type === 'Dangling');
      return found === undefined ? '?' : (found.status ?? '');
    },
  },
  /** Source: `printers.go` (printFlowSchemaList). */
  compareRows: (a, b) =>
    precedenceOf(a) - precedenceOf(b) || (String(a.metadata.name) < String(b.metadata.name) ? -1 : 1),
  strategy: specAndStatus<FlowSchema>({
    /** Source: pkg/apis/flowcontrol/v1/defaults.go. */
    applyDefaults({ spec }) {
      if (!spec.matchingPrecedence) spec.matchingPrecedence = DEFAULT_PRECEDENCE;
    },
    validateCreate: validateFlowSchema,
    validateUpdate: validateFlowSchema,
    prepareForStatusUpdate: keepMetadata,
    validateStatusUpdate: validateFlowSchemaStatus,
  }),
});
