import type { ContainerStatus, Pod } from '../../generated/api/core/v1.ts';
import type { Column } from '../../machinery/object/resource-definition.ts';
import { ageOf, column, humanDuration, nameColumn, wide } from '../columns.ts';

interface Summary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

const summaries = new WeakMap<Pod, Summary>();

/** What READY, STATUS and RESTARTS show. Source: pkg/printers/internalversion/printers.go (printPod). */
function summarise(pod: Pod, nowMs: number): Summary {
  const known = summaries.get(pod);
  if (known !== undefined) return known;
  const { spec, status } = pod;
  const initContainers = spec.initContainers ?? [];
  const sidecars = new Set(
    initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  let total = (spec.containers ?? []).length + sidecars.size;
  let ready = 0;
  let restarts = 0;
  let lastRestart = '';
  let sidecarRestarts = 0;
  let reason = status?.reason || status?.phase || '';
  if (status?.conditions?.some(({ type, reason: why }) => type === 'PodScheduled' && why === 'SchedulingGated'))
    reason = 'SchedulingGated';
  const noteRestart = ({ lastState }: ContainerStatus): void => {
    const finished = lastState?.terminated?.finishedAt ?? '';
    if (finished > lastRestart) lastRestart = finished;
  };

  let initialising = false;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    restarts += container.restartCount ?? 0;
    noteRestart(container);
    const { terminated, waiting } = container.state ?? {};
    const isSidecar = sidecars.has(container.name);
    if (isSidecar) sidecarRestarts += container.restartCount ?? 0;
    if (terminated !== undefined && terminated.exitCode === 0) continue;
    if (isSidecar && container.started) {
      if (container.ready) ready++;
      continue;
    }
    if (terminated !== undefined)
      reason = terminated.reason ? `Init:${terminated.reason}` : endedBy('Init:', terminated);
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') reason = `Init:${waiting.reason}`;
    else reason = `Init:${index}/${initContainers.length}`;
    initialising = true;
    break;
  }
  if (
    !initialising ||
    status?.conditions?.some(({ type, status: value }) => type === 'Initialized' && value === 'True')
  ) {
    restarts = sidecarRestarts;
    let running = false;
    for (const container of [...(status?.containerStatuses ?? [])].reverse()) {
      restarts += container.restartCount ?? 0;
      noteRestart(container);
      const { terminated, waiting } = container.state ?? {};
      if (waiting?.reason) reason = waiting.reason;
      else if (terminated?.reason) reason = terminated.reason;
      else if (terminated !== undefined) reason = endedBy('', terminated);
      else if (container.ready && container.state?.running !== undefined) {
        running = true;
        ready++;
      }
    }
    if (reason === 'Completed' && running) {
      const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
      reason = isReady ? 'Running' : 'NotReady';
    }
  }
  if (pod.metadata.deletionTimestamp && status?.reason === 'NodeLost') reason = 'Unknown';
  else if (pod.metadata.deletionTimestamp && status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
    reason = 'Terminating';
  if (total < ready) total = ready;
  const ago = restarts > 0 && lastRestart !== '' ? ` (${humanDuration(nowMs - Date.parse(lastRestart))} ago)` : '';
  return { ready: `${ready}/${total}`, status: reason, restarts: `${restarts}${ago}` };
}

function endedBy(
  prefix: string,
  { signal, exitCode }: { signal?: number | undefined; exitCode?: number | undefined },
): string {
  return signal ? `${prefix}Signal:${signal}` : `${prefix}ExitCode:${exitCode}`;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', (pod, { nowMs }) => summarise(pod, nowMs).ready),
  column('Status', (pod, { nowMs }) => summarise(pod, nowMs).status),
  column('Restarts', (pod, { nowMs }) => summarise(pod, nowMs).restarts),
  column('Age', ({ metadata }, { nowMs }) => ageOf(metadata.creationTimestamp, nowMs)),
  column('IP', ({ status }) => status?.podIPs?.[0]?.ip || status?.podIP || '<none>', wide),
  column('Node', ({ spec }) => spec.nodeName || '<none>', wide),
  column('Nominated Node', ({ status }) => status?.nominatedNodeName || '<none>', wide),
  column(
    'Readiness Gates',
    ({ spec, status }) => {
      const gates = spec.readinessGates ?? [];
      if (gates.length === 0) return '<none>';
      const holding = gates.filter(({ conditionType }) =>
        status?.conditions?.some(({ type, status: value }) => type === conditionType && value === 'True'),
      );
      return `${holding.length}/${gates.length}`;
    },
    wide,
  ),
];
