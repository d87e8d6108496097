import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Pod } from '../generated/api/core/v1.ts';

/** Why a server does not come up, in the words of whoever knows best. */
export interface Trouble {
  readonly reason: string;
  readonly message: string;
}

/** Reasons with which a container waits that are no trouble: it is on its way. */
const usual = ['ContainerCreating', 'PodInitializing'];
/** A message for a condition, not a log. */
const MAX_MESSAGE = 600;

/** What keeps the pods of a server from serving; undefined where they start as they should. */
export function troubleOf(pods: readonly Pod[], deployment: Deployment | undefined): Trouble | undefined {
  const living = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  for (const { metadata, spec, status } of living) {
    const unscheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
    if (unscheduled !== undefined && !spec.nodeName)
      return { reason: unscheduled.reason ?? 'Unschedulable', message: cut(unscheduled.message ?? '') };
    const [server] = status?.containerStatuses ?? [];
    const last = server?.state?.terminated ?? server?.lastState?.terminated;
    const said = lastLine(last?.message);
    const port = /port (\d+) on \S+ is taken by another program/.exec(said ?? '')?.[1];
    if (port !== undefined && server?.ready !== true)
      return {
        reason: 'PortTaken',
        message: `port ${port} of node ${spec.nodeName} is taken by another program: end it; or delete Service ${metadata.labels?.['warren.dev/virtualcluster']}-server and this pod, and the tenant gets another port, at which machines have to join again`,
      };
    const waiting = server?.state?.waiting;
    if (waiting?.reason !== undefined && !usual.includes(waiting.reason)) {
      const why = [waiting.message, said].filter((text) => !!text).join(': ');
      return { reason: waiting.reason, message: cut(`pod ${metadata.name}: ${why || waiting.reason}`) };
    }
    if (last !== undefined && server?.ready !== true && last.exitCode !== 0)
      return {
        reason: last.reason ?? 'Error',
        message: cut(`pod ${metadata.name} ended with ${last.exitCode}${said ? `: ${said}` : ''}`),
      };
  }
  const { conditions = [] } = deployment?.status ?? {};
  const failed =
    conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True') ??
    conditions.find(({ type, status }) => type === 'Progressing' && status === 'False');
  if (failed === undefined) return undefined;
  return { reason: failed.reason ?? 'ReplicaFailure', message: cut(failed.message ?? '') };
}

/** Programs say last why they end. */
function lastLine(text: string | undefined): string | undefined {
  return text?.trim().split('\n').at(-1);
}

function cut(text: string): string {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE)}…`;
}
