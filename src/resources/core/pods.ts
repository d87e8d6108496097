import type { Container, Pod } from '../../generated/api/core/v1.ts';
import { pods } from '../../generated/resource-types.ts';
import type { Strategy } from '../../machinery/object/resource-definition.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { defineResource } from '../define.ts';
import { podColumns } from './pod-columns.ts';
import { defaultPod } from './pod-defaults.ts';
import { validatePod, validatePodStatusUpdate, validatePodUpdate } from './pod-validation.ts';

const strategy: Strategy<Pod> = {
  applyDefaults: defaultPod,
  prepareForCreate(pod, { nowMs }) {
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod) };
    const gates = pod.spec.schedulingGates ?? [];
    if (gates.length > 0) {
      pod.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
          lastTransitionTime: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
        },
      ];
    }
    pod.metadata.generation = 1;
  },
  validateCreate: validatePod,
  prepareForUpdate(next, previous) {
    next.status = previous.status;
  },
  validateUpdate: validatePodUpdate,
  prepareForStatusUpdate(next, previous) {
    next.spec = previous.spec;
    const { deletionTimestamp, ownerReferences } = previous.metadata;
    next.metadata.deletionTimestamp = deletionTimestamp;
    next.metadata.ownerReferences = ownerReferences;
    if (next.status !== undefined) next.status.qosClass ??= previous.status?.qosClass;
  },
  validateStatusUpdate: validatePodStatusUpdate,
  /** Source: pkg/registry/core/pod/strategy.go (CheckGracefulDelete). */
  gracePeriodSeconds(pod, wished) {
    let period = wished ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    const ended = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
    if (!pod.spec.nodeName || ended) period = 0;
    return period < 0 ? 1 : period;
  },
};

export const podsResource = defineResource(pods, {
  columns: podColumns,
  generation: 'spec',
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  strategy,
});

/** Source: component-helpers and pkg/apis/core/helper/qos (ComputePodQOS). */
function qosClassOf({ spec }: Pod): string {
  const containers: readonly Container[] = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const set = (list: Readonly<Record<string, string>> | undefined, name: string): string | undefined => {
    const amount = list?.[name];
    return amount !== undefined && !parseQuantity(amount).isZero() ? amount : undefined;
  };
  let guaranteed = true;
  let any = false;
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory']) {
      const request = set(resources?.requests, name);
      const limit = set(resources?.limits, name);
      if (request !== undefined || limit !== undefined) any = true;
      if (limit === undefined || (request !== undefined && parseQuantity(request).compare(parseQuantity(limit)) !== 0))
        guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
