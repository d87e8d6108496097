import type { ContainerStatus, Pod, PodCondition, PodStatus } from '../generated/api/core/v1.ts';

export interface PodFacts {
  readonly pod: Pod;
  readonly containers: readonly ContainerStatus[];
  readonly hostIp: string;
  readonly startedAt: string;
  readonly nowText: string;
}

/** The status that a kubelet would report. Source: pkg/kubelet/kubelet_pods.go (getPhase), pkg/kubelet/status/generate.go. */
export function toPodStatus(facts: PodFacts): PodStatus {
  const { pod, containers, hostIp, startedAt, nowText } = facts;
  const phase = phaseOf(pod, containers);
  const unready = containers.filter((status) => !status.ready).map((status) => status.name);
  const ended = phase === 'Succeeded' || phase === 'Failed';
  const ready = unready.length === 0 && !ended;
  const why = ended ? 'PodCompleted' : 'ContainersNotReady';
  const message = `containers with unready status: [${unready.join(' ')}]`;
  const verdict = (type: string, holds: boolean): PodCondition => ({
    type,
    status: holds ? 'True' : 'False',
    ...(holds ? {} : { reason: why, ...(ended ? {} : { message }) }),
  });
  const conditions = [
    { type: 'PodReadyToStartContainers', status: ended ? 'False' : 'True' },
    { type: 'Initialized', status: 'True' },
    verdict('Ready', ready),
    verdict('ContainersReady', ready),
    { type: 'PodScheduled', status: 'True' },
  ] as PodCondition[];
  return {
    phase,
    conditions: conditions.map((condition) => withTransition(condition, pod, nowText)),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: hostIp,
    podIPs: [{ ip: hostIp }],
    startTime: startedAt,
    containerStatuses: [...containers],
    qosClass: pod.status?.qosClass ?? 'BestEffort',
    observedGeneration: pod.metadata.generation,
  };
}

function phaseOf(pod: Pod, containers: readonly ContainerStatus[]): string {
  if (containers.some((status) => status.state?.waiting?.reason === 'ContainerCreating')) return 'Pending';
  if (containers.some((status) => status.state?.running !== undefined || status.state?.waiting !== undefined))
    return 'Running';
  const codes = containers.map((status) => status.state?.terminated?.exitCode ?? 0);
  if (pod.spec.restartPolicy === 'Always') return 'Running';
  const failed = codes.some((code) => code !== 0);
  if (failed && pod.spec.restartPolicy === 'OnFailure') return 'Running';
  return failed ? 'Failed' : 'Succeeded';
}

function withTransition(condition: PodCondition, pod: Pod, nowText: string): PodCondition {
  const before = pod.status?.conditions?.find(({ type }) => type === condition.type);
  const same = before?.status === condition.status;
  return { ...condition, lastTransitionTime: same ? (before?.lastTransitionTime ?? nowText) : nowText };
}
