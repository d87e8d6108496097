import type { ContainerStatus, Pod, PodStatus } from '../../generated/api/core/v1.ts';

const ENDED = ['Succeeded', 'Failed'];

/** Whether nothing is left to say of the pod: it has ended, or runs with all that was added to it. */
export function isSettled({ spec, status }: Pod): boolean {
  if (ENDED.includes(status?.phase ?? '')) return true;
  const known = status?.ephemeralContainerStatuses?.length ?? 0;
  return status?.phase === 'Running' && (spec?.ephemeralContainers?.length ?? 0) === known;
}

export interface PodSituation {
  readonly podIp: string;
  readonly nowText: string;
  /** How the containers ended. Default: as their commands say. */
  readonly exitCode?: number;
}

/**
 * What a kubelet would report. A command `true` or `false` ends at once with its code; all others run. A pod that is
 * restarted always is never seen at its end.
 */
export function podStatus({ spec, status }: Pod, { podIp, nowText, exitCode }: PodSituation): PodStatus {
  const startedAt = status?.startTime ?? nowText;
  const ends = spec?.restartPolicy !== 'Always';
  const codes = (spec?.containers ?? []).map(({ command, args }) =>
    ends ? (exitCode ?? { true: 0, false: 1 }[[...(command ?? []), ...(args ?? [])].join(' ')]) : undefined,
  );
  const ended = codes.every((code) => code !== undefined);
  const phase = !ended ? 'Running' : codes.some((code) => code !== 0) ? 'Failed' : 'Succeeded';
  const ready = ended ? 'False' : 'True';
  const toStatus = (name: string, image: string | undefined, code: number | undefined): ContainerStatus => ({
    name,
    image: image ?? '',
    imageID: '',
    ready: code === undefined,
    started: code === undefined,
    restartCount: 0,
    state:
      code === undefined
        ? { running: { startedAt } }
        : {
            terminated: { exitCode: code, reason: code === 0 ? 'Completed' : 'Error', startedAt, finishedAt: nowText },
          },
  });
  const later = spec?.ephemeralContainers ?? [];
  return {
    phase,
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    startTime: startedAt,
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: ready },
      { type: 'ContainersReady', status: ready },
      { type: 'PodScheduled', status: 'True' },
    ],
    containerStatuses: (spec?.containers ?? []).map(({ name, image }, index) => toStatus(name, image, codes[index])),
    ...(later.length === 0
      ? {}
      : { ephemeralContainerStatuses: later.map(({ name = '', image }) => toStatus(name, image, undefined)) }),
  };
}
