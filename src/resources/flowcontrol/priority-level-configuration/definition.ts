import type { PriorityLevelConfiguration } from '../../../generated/api/flowcontrol/v1.ts';
import { prioritylevelconfigurations } from '../../../generated/resource-types.ts';
import { keepMetadata } from '../../checks/status-metadata.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { validatePriorityLevel, validatePriorityLevelStatus } from './validation.ts';

/** Source: pkg/apis/flowcontrol/v1/defaults.go. */
function applyDefaults({ spec: { exempt, limited } }: PriorityLevelConfiguration): void {
  if (exempt !== undefined) {
    exempt.nominalConcurrencyShares ??= 0;
    exempt.lendablePercent ??= 0;
  }
  if (limited === undefined) return;
  limited.nominalConcurrencyShares ??= 30;
  limited.lendablePercent ??= 0;
  const queuing = limited.limitResponse?.queuing;
  if (queuing === undefined) return;
  if (!queuing.handSize) queuing.handSize = 8;
  if (!queuing.queues) queuing.queues = 64;
  if (!queuing.queueLengthLimit) queuing.queueLengthLimit = 50;
}

const queuingCell =
  (field: 'queues' | 'handSize' | 'queueLengthLimit') =>
  ({ spec }: PriorityLevelConfiguration): number | string => {
    const queuing = spec.limited?.limitResponse?.queuing;
    return queuing === undefined ? '<none>' : (queuing[field] ?? 0);
  };

export const priorityLevelConfigurationResource = defineResource(prioritylevelconfigurations, {
  generation: 'spec',
  cells: {
    Type: ({ spec }) => spec.type ?? '',
    NominalConcurrencyShares: ({ spec: { limited } }) =>
      limited === undefined ? '<none>' : (limited.nominalConcurrencyShares ?? 0),
    Queues: queuingCell('queues'),
    HandSize: queuingCell('handSize'),
    QueueLengthLimit: queuingCell('queueLengthLimit'),
  },
  strategy: specAndStatus<PriorityLevelConfiguration>({
    applyDefaults,
    validateCreate: validatePriorityLevel,
    validateUpdate: validatePriorityLevel,
    prepareForStatusUpdate: keepMetadata,
    validateStatusUpdate: validatePriorityLevelStatus,
  }),
});
