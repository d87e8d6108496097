import type { DaemonSet } from '../../../generated/api/apps/v1.ts';
import { daemonsets } from '../../../generated/resource-types.ts';
import { quoteGo } from '../../../machinery/errors/field-error.ts';
import { badRequest } from '../../../machinery/errors/status-error.ts';
import { isSameStruct } from '../../checks/same.ts';
import { labelsText } from '../../columns.ts';
import { defaultPodTemplate } from '../../core/pod-spec/defaults.ts';
import { dropDisabledTemplateFields } from '../../core/pod-spec/pod-template.ts';
import { templateWarnings } from '../../core/pod-spec/warnings.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { wideCells } from '../workload.ts';
import { validateDaemonSet, validateDaemonSetStatus, validateDaemonSetUpdate } from './validation.ts';

/** A field of old, kept as an annotation. Source: pkg/apis/apps/v1/conversion.go. */
const GENERATION = 'deprecated.daemonset.template.generation';

/** Source: pkg/apis/apps/v1/defaults.go (SetDefaults_DaemonSet). */
function applyDefaults(daemonSet: DaemonSet): void {
  const { spec } = daemonSet;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  spec.updateStrategy ??= {};
  const { updateStrategy } = spec;
  if (!updateStrategy.type) updateStrategy.type = 'RollingUpdate';
  if (updateStrategy.type === 'RollingUpdate') {
    updateStrategy.rollingUpdate ??= {};
    updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  if (daemonSet.metadata.annotations?.[GENERATION] === undefined) setGeneration(daemonSet, 0);
  else checkGeneration(daemonSet.metadata.annotations[GENERATION]);
}

/** Upstream keeps the annotation as a number, and fails where it is none. @throws StatusError 400 */
function checkGeneration(text: string): void {
  const isNumber = /^[+-]?\d+$/.test(text);
  if (isNumber && BigInt.asIntN(64, BigInt(text.replace('+', ''))) === BigInt(text.replace('+', ''))) return;
  const why = `strconv.ParseInt: parsing ${quoteGo(text)}: ${isNumber ? 'value out of range' : 'invalid syntax'}`;
  throw badRequest(`DaemonSet in version "v1" cannot be handled as a DaemonSet: ${why}`);
}

function generationOf({ metadata }: DaemonSet): number {
  const text = metadata.annotations?.[GENERATION] ?? '0';
  return /^-?\d+$/.test(text) ? Number(text) : 0;
}

function setGeneration({ metadata }: DaemonSet, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [GENERATION]: String(generation) };
}

function hasNewTemplate(next: DaemonSet, previous: DaemonSet): boolean {
  return !isSameStruct(next.spec.template, previous.spec.template, 'core/v1.PodTemplateSpec');
}

export const daemonSetResource = defineResource(daemonsets, {
  generation: 'spec',
  cells: {
    Desired: ({ status }) => status?.desiredNumberScheduled ?? 0,
    Current: ({ status }) => status?.currentNumberScheduled ?? 0,
    Ready: ({ status }) => status?.numberReady ?? 0,
    'Up-to-date': ({ status }) => status?.updatedNumberScheduled ?? 0,
    Available: ({ status }) => status?.numberAvailable ?? 0,
    'Node Selector': ({ spec }) => labelsText(spec.template?.spec?.nodeSelector),
    ...wideCells,
  },
  strategy: specAndStatus<DaemonSet>({
    applyDefaults,
    prepareForCreate(daemonSet) {
      dropDisabledTemplateFields(daemonSet.spec.template);
      setGeneration(daemonSet, Math.max(generationOf(daemonSet), 1));
    },
    prepareForUpdate(next, previous) {
      dropDisabledTemplateFields(next.spec.template);
      setGeneration(next, generationOf(previous) + (hasNewTemplate(next, previous) ? 1 : 0));
    },
    validateCreate: validateDaemonSet,
    validateUpdate: validateDaemonSetUpdate,
    validateStatusUpdate: validateDaemonSetStatus,
    warningsOnCreate: ({ spec }) => templateWarnings(spec.template, 'spec.template'),
    warningsOnUpdate: (next, previous) =>
      hasNewTemplate(next, previous) ? templateWarnings(next.spec.template, 'spec.template') : [],
  }),
});
