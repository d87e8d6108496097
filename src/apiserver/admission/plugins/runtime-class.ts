import type { Pod } from '../../../generated/api/core/v1.ts';
import type { RuntimeClass } from '../../../generated/api/node/v1.ts';
import { runtimeclasses } from '../../../generated/resource-types.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { isSame } from '../../registry/equality.ts';
import { type AdmissionAttempt, type AdmissionPlugin, concerns, refused } from '../admission.ts';
import { mergeTolerations } from './merge-tolerations.ts';

/** Gives pods the overhead and the scheduling of their runtime class. Source: `plugin/pkg/admission/runtimeclass`. */
export function runtimeClass(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  const classOf = async (attempt: AdmissionAttempt, pod: Pod): Promise<RuntimeClass | undefined> => {
    const name = pod.spec?.runtimeClassName;
    if (name === undefined) return undefined;
    const found = await deps.reader.get(runtimeclasses, { name });
    if (found === undefined) throw refused(attempt, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
    return found;
  };
  return {
    name: 'RuntimeClass',
    operations: ['CREATE'],
    async mutate(attempt) {
      if (!concerns(attempt, '', 'pods')) return;
      const pod = attempt.object as unknown as Pod;
      const found = await classOf(attempt, pod);
      if (found === undefined || pod.spec === undefined) return;
      setOverhead(attempt, pod, found);
      setScheduling(attempt, pod, found);
    },
    async validate(attempt) {
      if (!concerns(attempt, '', 'pods')) return;
      const pod = attempt.object as unknown as Pod;
      const overhead = (await classOf(attempt, pod))?.overhead;
      const given = pod.spec?.overhead;
      if (overhead === undefined) {
        if (given === undefined) return;
        const why = 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';
        throw refused(attempt, why);
      }
      if (!isSame(overhead.podFixed, given)) throw refused(attempt, overheadDiffers);
    },
  };
}

const overheadDiffers = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

function setOverhead(attempt: AdmissionAttempt, pod: Pod, found: RuntimeClass): void {
  const spec = pod.spec;
  const fixed = found.overhead?.podFixed;
  if (spec === undefined || fixed === undefined) return;
  if (spec.overhead !== undefined && Object.keys(spec.overhead).length > 0 && !isSame(fixed, spec.overhead)) {
    throw refused(attempt, overheadDiffers);
  }
  spec.overhead = { ...fixed };
}

function setScheduling(attempt: AdmissionAttempt, pod: Pod, found: RuntimeClass): void {
  const spec = pod.spec;
  if (spec === undefined || found.scheduling === undefined) return;
  const selector: Record<string, string> = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(found.scheduling.nodeSelector ?? {})) {
    const own = selector[key];
    if (own !== undefined && own !== value) {
      const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
      throw refused(attempt, why);
    }
    selector[key] = value;
  }
  if (Object.keys(selector).length > 0) spec.nodeSelector = selector;
  const tolerations = mergeTolerations(spec.tolerations ?? [], found.scheduling.tolerations ?? []);
  if (tolerations.length > 0) spec.tolerations = tolerations;
}
