import type { Pod } from '../../../generated/api/core/v1.ts';
import type { PriorityClass } from '../../../generated/api/scheduling/v1.ts';
import { priorityclasses } from '../../../generated/resource-types.ts';
import { forbidden } from '../../../machinery/errors/status-error.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionAttempt, type AdmissionPlugin, concerns, refused } from '../admission.ts';

/** Turns a pod's priority class into numbers, and keeps the default class unique. Source: `plugin/pkg/admission/priority`. */
export function priority(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  const defaultClass = async (): Promise<PriorityClass | undefined> => {
    const all = await deps.reader.list(priorityclasses);
    const defaults = all.filter((item) => item.globalDefault === true);
    return defaults.reduce<PriorityClass | undefined>(
      (least, item) => (least === undefined || (least.value ?? 0) > (item.value ?? 0) ? item : least),
      undefined,
    );
  };
  const classOf = async (attempt: AdmissionAttempt, pod: Pod): Promise<ClassFacts> => {
    const name = pod.spec?.priorityClassName ?? '';
    if (name === '') {
      const found = await defaultClass();
      return found === undefined ? { name: '', value: 0, preemptionPolicy: 'PreemptLowerPriority' } : factsOf(found);
    }
    const found = await deps.reader.get(priorityclasses, { name });
    if (found === undefined) throw refused(attempt, `no PriorityClass with name ${name} was found`);
    return factsOf(found);
  };
  return {
    name: 'Priority',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    async mutate(attempt) {
      if (!concerns(attempt, '', 'pods') || attempt.operation === 'DELETE') return;
      const pod = attempt.object as unknown as Pod;
      if (pod.spec === undefined) return;
      if (attempt.operation === 'UPDATE') {
        keepPriority(pod, attempt.previous as unknown as Pod);
        return;
      }
      applyClass(attempt, pod, await classOf(attempt, pod));
    },
    async validate(attempt) {
      if (!concerns(attempt, 'scheduling.k8s.io', 'priorityclasses')) return;
      if (attempt.operation === 'DELETE') {
        refuseSystemClass(attempt);
        return;
      }
      const next = attempt.object as unknown as PriorityClass;
      if (next.globalDefault !== true) return;
      const found = await defaultClass();
      if (found === undefined) return;
      if (attempt.operation === 'UPDATE' && found.metadata?.name === next.metadata?.name) return;
      const why = `PriorityClass ${found.metadata?.name} is already marked as default. Only one default can exist`;
      throw refused(attempt, why);
    },
  };
}

interface ClassFacts {
  readonly name: string;
  readonly value: number;
  readonly preemptionPolicy: string | undefined;
}

function factsOf(found: PriorityClass): ClassFacts {
  return { name: found.metadata?.name ?? '', value: found.value ?? 0, preemptionPolicy: found.preemptionPolicy };
}

function keepPriority(pod: Pod, previous: Pod): void {
  if (pod.spec === undefined) return;
  if (pod.spec.priority === undefined && previous.spec?.priority !== undefined) {
    pod.spec.priority = previous.spec.priority;
  }
  if (pod.spec.preemptionPolicy === undefined && previous.spec?.preemptionPolicy !== undefined) {
    pod.spec.preemptionPolicy = previous.spec.preemptionPolicy;
  }
}

function applyClass(attempt: AdmissionAttempt, pod: Pod, facts: ClassFacts): void {
  const spec = pod.spec;
  if (spec === undefined) return;
  if (facts.name !== '') spec.priorityClassName = facts.name;
  if (spec.priority !== undefined && spec.priority !== facts.value) {
    const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${facts.value} from the given PriorityClass name`;
    throw refused(attempt, why);
  }
  spec.priority = facts.value;
  if (facts.preemptionPolicy === undefined) return;
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== facts.preemptionPolicy) {
    const why = `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${facts.preemptionPolicy} from the given PriorityClass name`;
    throw refused(attempt, why);
  }
  spec.preemptionPolicy = facts.preemptionPolicy;
}

/** The two classes of the system stay. Source: `pkg/registry/scheduling/priorityclass/storage`. */
function refuseSystemClass(attempt: AdmissionAttempt): void {
  if (attempt.name !== 'system-cluster-critical' && attempt.name !== 'system-node-critical') return;
  const resource = { group: attempt.group, resource: attempt.resource };
  throw forbidden(resource, attempt.name, 'this is a system priority class and cannot be deleted');
}
