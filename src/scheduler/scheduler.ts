import type { Client } from '../client/client.ts';
import { type EventRecorder, referenceTo } from '../client/events.ts';
import type { Informers } from '../client/informers.ts';
import type { Binding, Node, Pod, PodCondition } from '../generated/api/core/v1.ts';
import { namespaces, nodes, persistentvolumeclaims, persistentvolumes, pods } from '../generated/resource-types.ts';
import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, type ResourceType, toKeyText } from '../machinery/object/object.ts';
import { orAborted, whenAborted } from '../std/abort.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { toPodRequest } from './cache/pod-request.ts';
import { SchedulerCache } from './cache/scheduler-cache.ts';
import { decide, toFitMessage } from './cycle.ts';
import type { ClusterChange, PodUnderScheduling, Snapshot } from './framework/plugin.ts';
import { filterPlugins, scorePlugins } from './plugins/index.ts';
import { gatesOf } from './plugins/scheduling-gates.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';

export const SCHEDULER_USER = 'system:kube-scheduler';
const SCHEDULER_NAME = 'default-scheduler';

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Random number in [0, 1). */
  random(): number;
}

/** Places pods on nodes until aborted; resolves when the binds under way have ended. */
export async function runScheduler(options: SchedulerOptions, signal: AbortSignal): Promise<void> {
  await new Scheduler(options).run(signal);
}

class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #cache = new SchedulerCache();
  readonly #queue: SchedulingQueue;
  readonly #binds = new Set<Promise<void>>();
  #namespaceLabels: (name: string) => Readonly<Record<string, string>> = () => ({});
  #pumping = false;
  #started = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const wakesOn = new Map(filterPlugins.map(({ name, wakesOn: changes }) => [name, new Set(changes)]));
    this.#queue = new SchedulingQueue(options.clock, wakesOn);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers } = this.#options;
    const podInformer = informers.for(pods);
    const nodeInformer = informers.for(nodes);
    const namespaceInformer = informers.for(namespaces);
    this.#namespaceLabels = (name) => namespaceInformer.get(name)?.metadata.labels ?? {};
    this.#queue.onReady(() => this.#pump(signal));
    const stops = [
      nodeInformer.addHandler({
        added: (node) => this.#onNode(node, 'node-added'),
        updated: (node, previous) => this.#onNode(node, changesFit(node, previous) ? 'node-updated' : undefined),
        deleted: (node) => this.#cache.removeNode(node.metadata.name ?? ''),
      }),
      podInformer.addHandler({
        added: (pod) => this.#onPod(pod, undefined),
        updated: (pod, previous) => this.#onPod(pod, previous),
        deleted: (pod) => this.#onPodGone(pod),
      }),
      ...this.#followVolumes(),
    ];
    try {
      await orAborted(Promise.all([podInformer.synced, nodeInformer.synced, namespaceInformer.synced]), signal);
      this.#started = true;
      this.#pump(signal);
      await whenAborted(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const stop of stops) stop();
      await Promise.all(this.#binds);
    }
  }

  #followVolumes(): (() => void)[] {
    const wake = (): void => this.#queue.changed('volume-changed');
    const follow = <T extends KubeObject>(type: ResourceType<T>): (() => void) | undefined =>
      this.#options.informers.find(type)?.addHandler({ added: wake, updated: wake });
    return [follow(persistentvolumes), follow(persistentvolumeclaims)].filter((stop) => stop !== undefined);
  }

  #onNode(node: Node, change: ClusterChange | undefined): void {
    this.#cache.setNode(node);
    if (change !== undefined) this.#queue.changed(change);
  }

  #onPod(pod: Pod, previous: Pod | undefined): void {
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (ended) return this.#onPodGone(pod);
    if (pod.spec.nodeName) {
      const placed = previous?.spec.nodeName !== undefined && previous.spec.nodeName !== '';
      this.#queue.remove(pod);
      this.#cache.setPod(pod);
      this.#queue.changed(placed ? 'pod-updated' : 'pod-added');
      return;
    }
    if ((pod.spec.schedulerName ?? SCHEDULER_NAME) !== SCHEDULER_NAME) return;
    if (pod.metadata.deletionTimestamp !== undefined) return this.#queue.remove(pod);
    if (this.#cache.isAssumed(pod.metadata.uid ?? '')) return;
    if (gatesOf(pod).length > 0) return;
    this.#queue.set(pod);
  }

  #onPodGone(pod: Pod): void {
    this.#queue.remove(pod);
    this.#cache.removePod(pod.metadata.uid ?? '');
    if (pod.spec.nodeName) this.#queue.changed('pod-deleted');
  }

  /** Tries pods one after the other; each decision sees the ones before it. Binds go on beside. */
  #pump(signal: AbortSignal): void {
    if (this.#pumping || !this.#started) return;
    this.#pumping = true;
    try {
      while (!signal.aborted) {
        const pod = this.#queue.take();
        if (pod === undefined) return;
        this.#schedule(pod, signal);
      }
    } finally {
      this.#pumping = false;
    }
  }

  #schedule(pod: Pod, signal: AbortSignal): void {
    const subject: PodUnderScheduling = { pod, request: toPodRequest(pod) };
    const snapshot: Snapshot = { nodes: this.#cache.nodes(), namespaceLabels: this.#namespaceLabels };
    const decision = decide(subject, snapshot, { filters: filterPlugins, scores: scorePlugins }, this.#options.random);
    const { nodeName } = decision;
    if (nodeName === undefined) {
      this.#queue.turnedDown(pod, decision.rejectedBy);
      this.#track(this.#tellUnschedulable(pod, toFitMessage(decision)));
      return;
    }
    this.#cache.assume(pod, subject.request, nodeName);
    this.#track(this.#bind(pod, nodeName, signal));
  }

  async #bind(pod: Pod, nodeName: string, signal: AbortSignal): Promise<void> {
    const { client, events, logger } = this.#options;
    const { name, namespace, uid } = pod.metadata;
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: nodeName },
    };
    try {
      await client.create(pods as unknown as ResourceType<Binding>, binding, { subresource: 'binding' });
      this.#queue.done(pod);
      events.event(
        referenceTo(pods, pod),
        'Normal',
        'Scheduled',
        `Successfully assigned ${toKeyText(keyOf(pod))} to ${nodeName}`,
      );
    } catch (error) {
      this.#cache.forget(uid ?? '');
      if (isNotFound(error)) return this.#queue.done(pod);
      if (signal.aborted) return;
      logger.debug('a bind failed', { pod: toKeyText(keyOf(pod)), nodeName, error });
      if (!isConflict(error)) {
        events.event(
          referenceTo(pods, pod),
          'Warning',
          'FailedScheduling',
          `binding rejected: ${(error as Error).message}`,
        );
      }
      this.#queue.turnedDown(pod, new Set());
    }
  }

  async #tellUnschedulable(pod: Pod, message: string): Promise<void> {
    const { client, events, clock, logger } = this.#options;
    events.event(referenceTo(pods, pod), 'Warning', 'FailedScheduling', message);
    const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (before?.status === 'False' && before.reason === 'Unschedulable' && before.message === message) return;
    const nowText = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    const condition: PodCondition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: before?.status === 'False' ? (before.lastTransitionTime ?? nowText) : nowText,
    };
    try {
      await client.patch(
        pods,
        keyOf(pod),
        { status: { conditions: [condition] } },
        { type: 'strategic', subresource: 'status' },
      );
    } catch (error) {
      if (!isNotFound(error)) logger.debug('a pod was not told why it waits', { pod: toKeyText(keyOf(pod)), error });
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#binds.delete(tracked));
    this.#binds.add(tracked);
  }
}

/** Whether a node's change can matter to pods that wait; heartbeats do not. */
function changesFit(next: Node, previous: Node): boolean {
  const relevant = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return relevant(next) !== relevant(previous);
}
