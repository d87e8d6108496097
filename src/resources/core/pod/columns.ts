import type { Container, ContainerStatus, Pod } from '../../../generated/api/core/v1.ts';
import type { Cells } from '../../columns.ts';
import { humanDuration } from '../../human-duration.ts';

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly status: string;
  readonly restarts: number;
  /** When a container that counts ended last; empty where none did. */
  readonly lastEnd: string;
}

type Ended = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;

function endText({ reason, signal, exitCode }: Ended): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode ?? 0}`;
}

/** Restarts, and when the last one was, over some containers. */
function countRestarts(statuses: readonly ContainerStatus[]): { restarts: number; lastEnd: string } {
  let restarts = 0;
  let lastEnd = '';
  for (const { restartCount = 0, lastState } of statuses) {
    restarts += restartCount;
    const end = lastState?.terminated?.finishedAt ?? '';
    if (end > lastEnd) lastEnd = end;
  }
  return { restarts, lastEnd };
}

/** What the first init container that is not done tells; undefined once all are. */
function initReason(status: ContainerStatus, index: number, total: number): string {
  const { terminated, waiting } = status.state ?? {};
  if (terminated) return `Init:${endText(terminated)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${total}`;
}

const isSidecar = (container: Container | undefined): boolean => container?.restartPolicy === 'Always';

/** What READY, STATUS and RESTARTS show. Source: pkg/printers/internalversion/printers.go (printPod). */
function summarise({ spec, status, metadata }: Pod): Summary {
  const initContainers = spec.initContainers ?? [];
  const byName = new Map(initContainers.map((container) => [container.name, container]));
  const initStatuses = status?.initContainerStatuses ?? [];
  const statuses = status?.containerStatuses ?? [];
  const total = (spec.containers ?? []).length + initContainers.filter(isSidecar).length;
  let reason = status?.reason || status?.phase || '';
  if (status?.conditions?.some(({ type, reason: why }) => type === 'PodScheduled' && why === 'SchedulingGated'))
    reason = 'SchedulingGated';
  let ready = 0;
  let blocking = -1;
  for (const [index, container] of initStatuses.entries()) {
    if (container.state?.terminated && !container.state.terminated.exitCode) continue;
    if (isSidecar(byName.get(container.name)) && container.started) {
      if (container.ready) ready++;
      continue;
    }
    reason = initReason(container, index, initContainers.length);
    blocking = index;
    break;
  }
  const isInitialized = status?.conditions?.find(({ type }) => type === 'Initialized')?.status === 'True';
  let counted = countRestarts(initStatuses.slice(0, blocking + 1));
  if (blocking < 0 || isInitialized) {
    const sidecars = initStatuses.filter(({ name }) => isSidecar(byName.get(name)));
    counted = countRestarts([...(blocking < 0 ? sidecars : sidecars.slice(0, blocking + 1)), ...statuses]);
    const main = mainReason(statuses, status?.conditions, reason);
    reason = main.reason;
    ready += main.ready;
  }
  if (metadata.deletionTimestamp && status?.reason === 'NodeLost') reason = 'Unknown';
  else if (metadata.deletionTimestamp && status?.phase !== 'Failed' && status?.phase !== 'Succeeded')
    reason = 'Terminating';
  return { ready, total, status: reason, ...counted };
}

function mainReason(
  statuses: readonly ContainerStatus[],
  conditions: NonNullable<Pod['status']>['conditions'],
  before: string,
): { reason: string; ready: number } {
  let reason = before;
  let failure = '';
  let ready = 0;
  for (const { state, ready: isReady } of [...statuses].reverse()) {
    if (state?.waiting?.reason) reason = state.waiting.reason;
    else if (state?.terminated) {
      reason = endText(state.terminated);
      if (state.terminated.exitCode) failure = reason;
    } else if (isReady && state?.running) ready++;
  }
  if (reason !== 'Completed') return { reason, ready };
  const isReady = conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  if (ready > 0 && isReady) reason = 'Running';
  else if (failure !== '') reason = failure;
  else if (ready > 0) reason = 'NotReady';
  return { reason, ready };
}

function restartsText(pod: Pod, nowMs: number): string {
  const { restarts, lastEnd } = summarise(pod);
  if (restarts === 0 || lastEnd === '') return String(restarts);
  return `${restarts} (${humanDuration(nowMs - Date.parse(lastEnd))} ago)`;
}

function readyText(pod: Pod): string {
  const { ready, total } = summarise(pod);
  return `${ready}/${total}`;
}

function gatesText({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const holding = gates.filter(({ conditionType }) => {
    const condition = status?.conditions?.find(({ type }) => type === conditionType);
    return condition?.status === 'True';
  });
  return `${holding.length}/${gates.length}`;
}

export const podCells: Cells<Pod> = {
  Ready: readyText,
  Status: (pod) => summarise(pod).status,
  Restarts: (pod, { nowMs }) => restartsText(pod, nowMs),
  IP: ({ status }) => status?.podIPs?.[0]?.ip || '<none>',
  Node: ({ spec }) => spec.nodeName || '<none>',
  'Nominated Node': ({ status }) => status?.nominatedNodeName || '<none>',
  'Readiness Gates': gatesText,
};
