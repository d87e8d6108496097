import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import type { Node, Pod } from '../generated/api/core/v1.ts';
import type { PodDisruptionBudget } from '../generated/api/policy/v1.ts';
import { namespaces, nodes, poddisruptionbudgets, pods } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../machinery/object/object.ts';
import { orAborted, whenAborted } from '../std/abort.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { MetricsRegistry } from '../telemetry/metrics/metrics-registry.ts';
import { bindPod, type Equipment, isPrepared, needsVolumes } from './bind-pod.ts';
import { isGoing } from './cache/node-info.ts';
import type { NamespaceLabels } from './cache/pod-affinity.ts';
import { type PodInfo, toPodInfo, uidOf } from './cache/pod-info.ts';
import { SchedulerCache } from './cache/scheduler-cache.ts';
import { defaultConfiguration, type SchedulerConfiguration, type SchedulerProfile } from './configuration.ts';
import { type Decision, decide, toFitMessage } from './cycle.ts';
import { DefaultSpread } from './default-spread.ts';
import type { DeviceCycle, NodePlan } from './devices/device-cycle.ts';
import { DeviceDoor } from './devices/device-door.ts';
import type { DeviceScheduling } from './devices/device-scheduling.ts';
import { PluginError, type Snapshot } from './framework/plugin.ts';
import type { CycleMeasure } from './metrics/cycle-measure.ts';
import { profileNameOf, readQueue } from './metrics/queue-figures.ts';
import { SchedulerMetrics } from './metrics/scheduler-metrics.ts';
import { filterPlugins } from './plugins/index.ts';
import { gatesOf } from './plugins/scheduling-gates.ts';
import { chooseForPod, type VolumeChoice } from './plugins/volume-binding.ts';
import { evict } from './preemption/evict.ts';
import { Nominator } from './preemption/nominator.ts';
import { type Candidate, planPreemption } from './preemption/preemption.ts';
import { changesFit, nodeEvent, nodeHint } from './queue/node-hints.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import { type SchedulingEvent, SchedulingEvents } from './scheduling-events.ts';
import { type Trouble, tellUnschedulable } from './tell-unschedulable.ts';
import { VolumeLister } from './volumes/volume-lister.ts';

export const SCHEDULER_USER = 'system:kube-scheduler';
const DEFAULT_PROFILE = 'default-scheduler';

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: Informers;
  /** Name of the machine, as events tell it. Default: none. */
  readonly host?: string | undefined;
  /** Default: one profile, `default-scheduler`, with upstream's plugins and weights. */
  readonly configuration?: SchedulerConfiguration | undefined;
  /** Where the scheduler counts. Default: nobody reads it. */
  readonly metrics?: MetricsRegistry | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Random number in [0, 1). */
  random(): number;
}

/** Places pods on nodes until aborted; resolves when the binds under way have ended. */
export async function runScheduler(options: SchedulerOptions, signal: AbortSignal): Promise<void> {
  await new Scheduler(options).run(signal);
}

/** Binds that may be under way; more wait, so that other requests get their turn. */
const MOST_BINDS = 200;
/** How long decisions may keep the process from everything else at a time. */
const TURN_MS = 10;

class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #cache = new SchedulerCache();
  readonly #nominator = new Nominator();
  readonly #queue: SchedulingQueue;
  readonly #work = new Set<Promise<void>>();
  readonly #volumes: VolumeLister;
  readonly #spread: DefaultSpread;
  readonly #devices: DeviceDoor;
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #namespaceLabels: NamespaceLabels;
  readonly #profiles: SchedulerConfiguration['profiles'];
  readonly #events: SchedulingEvents;
  readonly #metrics: SchedulerMetrics;
  /** Pods that their gates hold back, by UID. */
  readonly #gated = new Map<string, Pod>();
  #binds = 0;
  #startAt = 0;
  #signal: AbortSignal | undefined;
  #pumping = false;
  #started = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { profiles, backoff } = options.configuration ?? defaultConfiguration;
    this.#profiles = profiles;
    this.#events = new SchedulingEvents({ ...options, host: options.host ?? '' });
    const { informers } = options;
    const wakesOn = new Map(filterPlugins.map(({ name, wakesOn: changes }) => [name, new Set(changes)]));
    this.#metrics = new SchedulerMetrics(options.metrics ?? new MetricsRegistry(), options.clock, {
      queue: () => readQueue(this.#queue, this.#gated),
      cache: () => this.#cache.sizes,
    });
    this.#queue = new SchedulingQueue(options.clock, wakesOn, backoff, this.#metrics.incoming);
    this.#volumes = new VolumeLister(informers);
    this.#spread = new DefaultSpread(informers);
    this.#devices = new DeviceDoor({
      load: async () => await this.#loadDevices(),
      again: (pod) => this.#onPod(pod, undefined),
      failed: (error) => options.logger.error('devices cannot be scheduled', { error }),
    });
    this.#budgets = informers.for(poddisruptionbudgets);
    const namespaceInformer = informers.for(namespaces);
    this.#namespaceLabels = (name) => namespaceInformer.get(name)?.metadata.labels ?? {};
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { informers } = this.#options;
    const podInformer = informers.for(pods);
    const nodeInformer = informers.for(nodes);
    this.#queue.onReady(() => this.#pump(signal));
    const stops = [
      nodeInformer.addHandler({
        added: (node) => this.#onNode(node, undefined),
        updated: (node, previous) => this.#onNode(node, previous),
        deleted: (node) => this.#cache.removeNode(node.metadata.name ?? ''),
      }),
      podInformer.addHandler({
        added: (pod) => this.#onPod(pod, undefined),
        updated: (pod, previous) => this.#onPod(pod, previous),
        deleted: (pod) => this.#onPodGone(pod),
      }),
      this.#volumes.onChange(() => this.#queue.changed('volume-changed')),
      () => this.#volumes.close(),
      () => this.#devices.close(),
    ];
    try {
      const known = [podInformer, nodeInformer, informers.for(namespaces), this.#budgets].map(({ synced }) => synced);
      await orAborted(Promise.all([...known, this.#volumes.synced()]), signal);
      this.#started = true;
      this.#pump(signal);
      await whenAborted(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const stop of stops) stop();
      await Promise.all(this.#work);
    }
  }

  /** Code for devices is loaded, and devices are watched, from the first pod on that may need some. */
  async #loadDevices(): Promise<DeviceScheduling> {
    const { DeviceScheduling } = await import('./devices/device-scheduling.ts');
    const scheduling = new DeviceScheduling({
      ...this.#options,
      onChange: (change, helps) => {
        this.#queue.changed(change, helps);
        this.#devices.changed();
      },
    });
    if (this.#signal !== undefined) await scheduling.synced(this.#signal);
    return scheduling;
  }

  #onNode(node: Node, previous: Node | undefined): void {
    this.#cache.setNode(node);
    if (previous !== undefined && !changesFit(node, previous)) return;
    if (previous === undefined) this.#queue.changed('node-added', nodeHint(node, previous));
    else this.#queue.changed('node-updated', nodeHint(node, previous), nodeEvent(node, previous));
  }

  #onPod(pod: Pod, previous: Pod | undefined): void {
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (ended) return this.#onPodGone(pod);
    this.#gated.delete(uidOf(pod));
    if (pod.spec.nodeName) {
      this.#devices.forget(uidOf(pod));
      this.#queue.remove(pod);
      this.#nominator.remove(uidOf(pod));
      this.#cache.setPod(pod);
      if (!previous?.spec.nodeName) this.#queue.changed('pod-added');
      else if (changesOthers(pod, previous)) this.#queue.changed('pod-updated');
      return;
    }
    if (this.#profileOf(pod) === undefined) return;
    if (isGoing(pod)) {
      this.#devices.forget(uidOf(pod));
      this.#nominator.remove(uidOf(pod));
      return this.#queue.remove(pod);
    }
    if (this.#cache.isAssumed(uidOf(pod))) return;
    if (gatesOf(pod).length > 0) {
      this.#gated.set(uidOf(pod), pod);
      if (previous === undefined) this.#metrics.incoming('unschedulable', 'UnschedulablePodAdd');
      return;
    }
    if (!this.#devices.admits(pod)) return;
    if (!this.#volumes.admits(pod, (each) => this.#onPod(each, undefined))) return;
    this.#nominator.set(pod, pod.status?.nominatedNodeName ?? '');
    this.#queue.set(pod);
  }

  #onPodGone(pod: Pod): void {
    this.#gated.delete(uidOf(pod));
    this.#volumes.forget(uidOf(pod));
    this.#devices.forget(uidOf(pod));
    this.#queue.remove(pod);
    this.#nominator.remove(uidOf(pod));
    this.#cache.removePod(uidOf(pod));
    if (pod.spec.nodeName) this.#queue.changed('pod-deleted');
  }

  /** Tries pods one after the other; each decision sees the ones before it. Binds go on beside. */
  #pump(signal: AbortSignal): void {
    if (this.#pumping || !this.#started) return;
    this.#pumping = true;
    const { clock } = this.#options;
    const endMs = clock.nowMs() + TURN_MS;
    while (!signal.aborted && this.#binds < MOST_BINDS) {
      const pod = this.#queue.take();
      if (pod === undefined) break;
      this.#schedule(pod, signal);
      if (clock.nowMs() < endMs) continue;
      clock.after(0, () => {
        this.#pumping = false;
        this.#pump(signal);
      });
      return;
    }
    this.#pumping = false;
  }

  #schedule(pod: Pod, signal: AbortSignal): void {
    const { random, logger } = this.#options;
    const profile = this.#profileOf(pod);
    if (profile === undefined) return this.#queue.remove(pod);
    const measure = this.#metrics.measure(profileNameOf(pod));
    const startedAt = measure.now();
    const attempt: Attempt = { measure, startedAt, profile: profileNameOf(pod), tries: this.#queue.triesOf(pod) };
    const subject = toPodInfo(pod);
    const devices = this.#devices.for(pod)?.begin(subject, profile.devices);
    const snapshot: Snapshot = {
      nodes: this.#cache.nodes(),
      namespaceLabels: this.#namespaceLabels,
      volumes: this.#volumes,
      defaultSpread: (each) => this.#spread.selectorFor(each),
      devices,
    };
    const nominatedOn = (name: string, each: PodInfo): readonly PodInfo[] => this.#nominator.rivals(name, each);
    try {
      const { percentageOfNodesToScore } = profile;
      const cycle = { random, nominatedOn, startAt: this.#startAt, percentageOfNodesToScore, measure };
      const decision = decide(subject, snapshot, profile, cycle);
      if (decision.nodeName !== undefined) this.#metrics.decided(startedAt);
      if (snapshot.nodes.length > 0) this.#startAt = (this.#startAt + decision.examined) % snapshot.nodes.length;
      const node = decision.nodeName === undefined ? undefined : this.#cache.node(decision.nodeName);
      if (node === undefined) {
        this.#makeRoom(subject, snapshot, decision, profile, { devices, measure });
        this.#metrics.attempted('unschedulable', attempt.profile, startedAt);
      } else this.#place(subject, node.node, profile, { attempt, plan: devices?.planOn(node.name) }, signal);
    } catch (error) {
      // One pod that cannot be judged must not keep the others waiting.
      this.#queue.turnedDown(pod, new Set());
      this.#metrics.attempted('error', attempt.profile, startedAt);
      if (error instanceof PluginError)
        this.#track(this.#tell(pod, { message: error.message, reason: 'SchedulerError' }));
      else logger.error('a pod could not be scheduled', { pod: toKeyText(keyOf(pod)), error });
    }
  }

  #place(
    subject: PodInfo,
    node: Node,
    profile: SchedulerProfile,
    { attempt, plan }: { readonly attempt: Attempt; readonly plan: NodePlan | undefined },
    signal: AbortSignal,
  ): void {
    const { pod } = subject;
    const reservedAt = attempt.measure.now();
    const volumes = pod.spec.volumes?.length ? chooseForPod(pod, node, this.#volumes) : NO_VOLUMES;
    if (volumes === undefined) return this.#queue.turnedDown(pod, new Set());
    for (const { volume } of volumes.bindings) this.#volumes.promise(volume.metadata.name ?? '');
    const devices = this.#devices.for(pod)?.reserve(pod, plan, profile.devices);
    this.#nominator.remove(uidOf(pod));
    this.#cache.assume(subject, node.metadata.name ?? '');
    const equipment = { volumes, devices, volumeTimeoutMs: profile.bindTimeoutMs };
    // A bind that waits for volumes or devices may take minutes: it must not count against the others.
    const counted = needsVolumes(equipment) || devices?.takesLong ? 0 : 1;
    this.#binds += counted;
    attempt.measure.point('Reserve', 'Success', reservedAt);
    const bound = this.#bind(pod, node, { ...equipment, attempt }, signal).finally(() => {
      this.#binds -= counted;
      this.#pump(signal);
    });
    this.#track(bound);
  }

  async #bind(
    pod: Pod,
    node: Node,
    { attempt, ...equipment }: Equipment & { readonly attempt: Attempt },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clock, logger } = this.#options;
    const nodeName = node.metadata.name ?? '';
    const tell = (reason: string, action: SchedulingEvent['action'], note: string): void =>
      this.#event(pod, { type: 'Normal', reason, action, note });
    const { measure } = attempt;
    const startedAt = measure.now();
    let preparedAt = startedAt;
    const outcome = await bindPod(pod, node, equipment, {
      client,
      clock,
      lister: this.#volumes,
      waitsForDevices: () =>
        tell('BindingConditionsPending', 'Scheduling', `waiting for binding conditions for device on node ${nodeName}`),
      onPrepared: () => {
        measure.point('PreBind', 'Success', startedAt);
        preparedAt = measure.now();
      },
      signal,
    });
    if (outcome.step !== 'gone') {
      measure.point('Bind', outcome.step === 'bound' ? 'Success' : 'Error', preparedAt);
      measure.plugin?.('DefaultBinder', 'Bind', outcome.step === 'bound' ? 'Success' : 'Error', preparedAt);
      this.#metrics.attempted(outcome.step === 'bound' ? 'scheduled' : 'error', attempt.profile, attempt.startedAt);
    }
    for (const { volume } of equipment.volumes.bindings) this.#volumes.release(volume.metadata.name ?? '');
    if (outcome.step === 'bound') {
      const { attempts = 1, firstMs = clock.nowMs() } = attempt.tries ?? {};
      this.#metrics.scheduled(attempts, clock.nowMs() - firstMs);
      this.#queue.remove(pod);
      return tell('Scheduled', 'Binding', `Successfully assigned ${toKeyText(keyOf(pod))} to ${nodeName}`);
    }
    this.#cache.forget(uidOf(pod));
    if (outcome.step !== 'failed') return this.#queue.remove(pod);
    if (signal.aborted) return;
    const { message } = outcome;
    this.#queue.turnedDown(pod, new Set());
    this.#queue.changed('pod-deleted');
    logger.debug('a bind failed', { pod: toKeyText(keyOf(pod)), nodeName, message });
    if (message === undefined) return;
    // What the bind has promised is taken back.
    const status = isPrepared(equipment) ? { ...pod.status, nominatedNodeName: nodeName } : pod.status;
    await this.#tell({ ...pod, status }, { message, reason: 'SchedulerError', promised: '' });
  }

  /** No node fits: looks whether devices or evicting others make one fit, and tells the user what is the matter. */
  #makeRoom(
    subject: PodInfo,
    snapshot: Snapshot,
    decision: Decision,
    profile: SchedulerProfile,
    { devices, measure }: { readonly devices: DeviceCycle | undefined; readonly measure: CycleMeasure },
  ): void {
    const { pod } = subject;
    const { postFilters } = profile;
    const giveUp = (afterwards: readonly string[], promised?: string): void => {
      this.#queue.turnedDown(pod, decision.rejectedBy);
      this.#track(this.#tell(pod, { message: toFitMessage(decision, afterwards.join(', ')), promised }));
    };
    if (snapshot.nodes.length === 0) return giveUp([]);
    const afterwards: string[] = [];
    if (postFilters.has('DynamicResources')) {
      const { everywhere } = decision.filters;
      // What is to be done about devices has not been prepared then, which ends the search for room, too.
      if (everywhere !== undefined && everywhere.plugin !== 'DynamicResources') return giveUp(['not found']);
      const plan = devices?.postFilter() ?? { message: 'no new claims to deallocate' };
      const clearing = this.#devices.for(pod)?.clear(plan);
      if (clearing !== undefined) this.#track(clearing.catch((error: unknown) => this.#logFault(pod, error)));
      afterwards.push(plan.message);
    }
    if (!postFilters.has('DefaultPreemption')) return giveUp(afterwards);
    this.#metrics.preempting();
    const preemptingAt = measure.now();
    const preemption = planPreemption(subject, snapshot, decision, {
      budgets: this.#budgets.list(),
      limits: profile.preemption,
      nominatedOn: (name, each) => this.#nominator.rivals(name, each),
      random: this.#options.random,
      nowMs: this.#options.clock.nowMs(),
    });
    const status = 'message' in preemption ? 'Unschedulable' : 'Success';
    measure.point('PostFilter', status, preemptingAt);
    measure.plugin?.('DefaultPreemption', 'PostFilter', status, preemptingAt);
    if ('message' in preemption) {
      const promised = preemption.keepsPromise ? undefined : '';
      if (promised === '') this.#nominator.remove(uidOf(pod));
      return giveUp([...afterwards, `preemption: ${preemption.message}`], promised);
    }
    const { candidate } = preemption;
    this.#nominator.set(pod, candidate.nodeName);
    this.#queue.hold(pod, decision.rejectedBy);
    this.#track(this.#evict(pod, candidate));
    this.#track(this.#tell(pod, { message: toFitMessage(decision), promised: candidate.nodeName }));
  }

  async #evict(pod: Pod, candidate: Candidate): Promise<void> {
    const { client, clock, logger } = this.#options;
    let failed = false;
    const end = this.#metrics.evicting(candidate.victims.length);
    try {
      // Pods of lower priority that were promised room there look for another place.
      for (const inferior of this.#nominator.inferiors(candidate.nodeName, pod)) {
        this.#nominator.remove(uidOf(inferior));
        await client.patch(pods, keyOf(inferior), NO_PROMISE, { type: 'merge', subresource: 'status' });
        this.#queue.wake(inferior);
      }
      await evict(candidate, pod, { client, clock, tell: (victim, event) => this.#event(victim, event, pod) });
    } catch (error) {
      failed = true;
      logger.debug('a pod could not be preempted', { pod: toKeyText(keyOf(pod)), error });
    }
    end(failed ? 'error' : 'success');
    this.#queue.release(pod, { again: failed });
  }

  async #tell(pod: Pod, trouble: Trouble): Promise<void> {
    const { client, clock, logger } = this.#options;
    const told = tellUnschedulable(pod, trouble, { client, clock, tell: (event) => this.#event(pod, event) });
    await told.catch((error: unknown) => {
      if (!isNotFound(error)) logger.debug('a pod was not told why it waits', { pod: toKeyText(keyOf(pod)), error });
    });
  }

  /** The profile that places the pod; undefined where it waits for another scheduler. */
  #profileOf({ spec }: Pod): SchedulerProfile | undefined {
    return this.#profiles.get(spec.schedulerName ?? DEFAULT_PROFILE);
  }

  #event(pod: Pod, event: SchedulingEvent, by: Pod = pod): void {
    this.#events.tell(pod, by.spec.schedulerName ?? DEFAULT_PROFILE, event);
  }

  #logFault(pod: Pod, error: unknown): void {
    this.#options.logger.debug('a claim could not be freed', { pod: toKeyText(keyOf(pod)), error });
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

/** One try to place a pod, as it is measured. */
interface Attempt {
  readonly measure: CycleMeasure;
  readonly startedAt: number;
  readonly profile: string;
  readonly tries: { readonly attempts: number; readonly firstMs: number } | undefined;
}

const NO_VOLUMES: VolumeChoice = { bindings: [], provisions: [] };
const NO_PROMISE = { status: { nominatedNodeName: null } };

/** Whether a placed pod's change can matter to pods that wait: what it takes, and whom it keeps away or draws. */
function changesOthers(next: Pod, previous: Pod): boolean {
  const relevant = ({ metadata, spec }: Pod): string =>
    JSON.stringify([
      metadata.labels,
      [...spec.containers, ...(spec.initContainers ?? [])].map((each) => each.resources),
    ]);
  return relevant(next) !== relevant(previous);
}
