import type { Client } from '../../client/client.ts';
import { type DiscoveredResource, discoverResources } from '../../client/discovery.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Scale } from '../../generated/api/autoscaling/v1.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../generated/api/autoscaling/v2.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import {
  deployments,
  horizontalpodautoscalersV2,
  pods,
  replicasets,
  replicationcontrollers,
  statefulsets,
} from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import {
  type KubeObject,
  keyOf,
  parseApiVersion,
  type ResourceType,
  toKeyText,
} from '../../machinery/object/object.ts';
import { matchesLabels, parseLabelSelector } from '../../machinery/values/label-selector.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { findCondition } from '../conditions.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { toStableText } from '../safe-hash.ts';
import { toTime } from '../timestamps.ts';
import { emptyMemory, type Memory, planSize, remember } from './behavior.ts';
import { createMetricSources, type MetricSources } from './metric-sources.ts';
import { MetricError, readMetric } from './metrics.ts';

/** Source: kube-controller-manager `--horizontal-pod-autoscaler-sync-period`. */
const PERIOD_MS = 15_000;
const SCALE_TRIES = 5;

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly autoscalers: Informer<HorizontalPodAutoscaler>;
  readonly sources: MetricSources;
  /** The selectors of the targets, by autoscaler: no pod may be sized by two. */
  readonly selectors: Map<string, string>;
  readonly clock: Clock;
}

/** Sizes workloads by what their pods use. */
class HorizontalPodAutoscalerController implements Reconciler {
  readonly #deps: Deps;
  readonly #memories = new Map<string, Memory>();
  /** When each autoscaler is looked at next: a change does not hurry that. Source: `podautoscaler` (enqueueHPA). */
  readonly #dueMs = new Map<string, number>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const hpa = this.#deps.autoscalers.get(key);
    if (hpa === undefined) {
      this.#memories.delete(key);
      this.#dueMs.delete(key);
      this.#deps.selectors.delete(key);
      return done;
    }
    const nowMs = this.#deps.clock.nowMs();
    const dueMs = this.#dueMs.get(key) ?? nowMs + PERIOD_MS;
    this.#dueMs.set(key, dueMs);
    if (nowMs < dueMs) return { requeueAfterMs: dueMs - nowMs };
    this.#dueMs.set(key, nowMs + PERIOD_MS);
    const round = new Round(this.#deps, hpa, this.#memories.get(key) ?? emptyMemory);
    await round.run();
    this.#memories.set(key, round.memory);
    return { requeueAfterMs: PERIOD_MS };
  }
}

interface SelectorFault {
  readonly reason: string;
  readonly message: string;
  /** Where the event has another reason, or the condition another message. */
  readonly event?: string;
  readonly condition?: string;
}

/** Kinds that most autoscalers size: the server need not be asked for them. */
const usual = [deployments, statefulsets, replicasets, replicationcontrollers] as readonly ResourceType<KubeObject>[];

/** One look at one autoscaler. */
class Round {
  memory: Memory;
  readonly #deps: Deps;
  readonly #hpa: HorizontalPodAutoscaler;
  readonly #nowMs: number;
  #conditions: HorizontalPodAutoscalerCondition[];

  constructor(deps: Deps, hpa: HorizontalPodAutoscaler, memory: Memory) {
    this.#deps = deps;
    this.#hpa = hpa;
    this.memory = memory;
    this.#nowMs = deps.clock.nowMs();
    this.#conditions = [...(hpa.status?.conditions ?? [])];
  }

  async run(): Promise<void> {
    const { spec, status } = this.#hpa;
    let scale: Scale;
    let type: ResourceType<Scale>;
    try {
      type = await this.#findTarget();
      scale = await this.#deps.client.get(type, this.#targetKey, { subresource: 'scale' });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#event('Warning', 'FailedGetScale', text);
      this.#set(
        'AbleToScale',
        'False',
        'FailedGetScale',
        `the HPA controller was unable to get the target's current scale: ${text}`,
      );
      return await this.#write({ ...(status ?? { desiredReplicas: 0 }) });
    }
    this.#set(
      'AbleToScale',
      'True',
      'SucceededGetScale',
      "the HPA controller was able to get the target's current scale",
    );
    const current = scale.spec.replicas ?? 0;
    if (this.memory.recommendations.length === 0) {
      this.memory = { ...this.memory, recommendations: [{ ms: this.#nowMs, value: current }] };
    }
    const least = spec.minReplicas ?? 1;
    let desired = current;
    let metrics: MetricStatus[] = [];
    let reason = '';
    if (current === 0 && least !== 0) {
      this.#set(
        'ScalingActive',
        'False',
        'ScalingDisabled',
        'scaling is disabled since the replica count of the target is zero',
      );
    } else if (current > spec.maxReplicas) {
      desired = spec.maxReplicas;
      reason = 'Current number of replicas above Spec.MaxReplicas';
    } else if (current < least) {
      desired = least;
      reason = 'Current number of replicas below Spec.MinReplicas';
    } else {
      const computed = await this.#compute(scale, current);
      metrics = computed.metrics;
      if (computed.recommended === undefined) {
        const { desiredReplicas = 0, lastScaleTime } = status ?? {};
        const told = metrics.length > 0 ? { currentMetrics: metrics } : {};
        const kept = lastScaleTime === undefined ? {} : { lastScaleTime };
        return await this.#write({ currentReplicas: current, desiredReplicas, ...told, ...kept });
      }
      const plan = planSize(this.#hpa, current, computed.recommended, this.memory, this.#nowMs);
      this.memory = plan.memory;
      desired = plan.replicas;
      reason = computed.recommended > current ? `${computed.description} above target` : 'All metrics below target';
      this.#set('AbleToScale', 'True', plan.able.reason, plan.able.message);
      this.#set('ScalingLimited', plan.limited.status, plan.limited.reason, plan.limited.message);
    }
    let lastScaleTime = status?.lastScaleTime;
    if (desired !== current) {
      try {
        await this.#scale(type, scale, desired, reason);
      } catch (error) {
        const told = metrics.length > 0 ? { currentMetrics: metrics } : {};
        await this.#write({ ...(status ?? { desiredReplicas: 0 }), currentReplicas: current, ...told });
        throw error;
      }
      this.memory = remember(this.memory, current, desired, this.#nowMs);
      lastScaleTime = toTime(this.#nowMs);
    }
    await this.#write({
      currentReplicas: current,
      desiredReplicas: desired,
      ...(metrics.length > 0 ? { currentMetrics: metrics } : {}),
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    });
  }

  get #targetKey(): { namespace: string | undefined; name: string } {
    return { namespace: this.#hpa.metadata.namespace, name: this.#hpa.spec.scaleTargetRef.name };
  }

  async #findTarget(): Promise<ResourceType<Scale>> {
    const { apiVersion = '', kind } = this.#hpa.spec.scaleTargetRef;
    const { group } = parseApiVersion(apiVersion);
    const known = usual.find((each) => each.kind === kind && each.group === group);
    if (known !== undefined) return { ...known, objectType: undefined as unknown as Scale };
    const { resources } = await discoverResources(this.#deps.client);
    const found = resources.find((each: DiscoveredResource) => each.kind === kind && each.group === group);
    if (found === undefined) throw new Error(`no matches for kind "${kind}" in group "${group}"`);
    const { objectType: _, ...type } = found;
    return type;
  }

  /** The largest size that a metric asks for. With one that cannot be had, never a smaller one than now. */
  async #compute(
    scale: Scale,
    current: number,
  ): Promise<{ recommended: number | undefined; metrics: MetricStatus[]; description: string }> {
    const nothing = { recommended: undefined, metrics: [], description: '' };
    const selector = scale.status?.selector ?? '';
    const fault = await this.#findPods(selector);
    if ('reason' in fault) {
      this.#set('ScalingActive', 'False', fault.reason, fault.condition ?? fault.message);
      this.#event('Warning', fault.event ?? fault.reason, fault.message);
      this.#event('Warning', 'FailedComputeMetricsReplicas', fault.message);
      return nothing;
    }
    const metrics: MetricStatus[] = [];
    let recommended: number | undefined;
    let description = '';
    const failures: MetricError[] = [];
    const specs = this.#hpa.spec.metrics ?? [];
    const context = {
      sources: this.#deps.sources,
      hpa: this.#hpa,
      currentReplicas: current,
      statusReplicas: scale.status?.replicas ?? 0,
      pods: fault.pods,
      selector,
      nowMs: this.#nowMs,
    };
    for (const metric of specs) {
      try {
        const result = await readMetric(metric, context);
        metrics.push(result.status);
        if (recommended !== undefined && result.replicas <= recommended) continue;
        recommended = result.replicas;
        description = result.description;
      } catch (error) {
        if (!(error instanceof MetricError)) throw error;
        this.#event('Warning', error.reason, error.message);
        failures.push(error);
        // Its place is kept, as upstream's zero value.
        metrics.push({ type: '' });
      }
    }
    const [failure] = failures;
    if (failure !== undefined && (recommended === undefined || recommended < current)) {
      const message = `the HPA was unable to compute the replica count: ${failure.message}`;
      this.#set('ScalingActive', 'False', failure.reason, message);
      const counts = `${failures.length} invalid out of ${specs.length}`;
      const sum = `invalid metrics (${counts}), first error is: ${failure.summary}`;
      this.#event('Warning', 'FailedComputeMetricsReplicas', sum);
      return { ...nothing, metrics };
    }
    const message = `the HPA was able to successfully calculate a replica count from ${description}`;
    this.#set('ScalingActive', 'True', 'ValidMetricFound', message);
    return { recommended, metrics, description };
  }

  /** The pods of the target, or why it cannot be sized by them. */
  async #findPods(selector: string): Promise<{ pods: readonly Pod[] } | SelectorFault> {
    const { client, selectors } = this.#deps;
    const { namespace, name } = this.#hpa.metadata;
    if (selector === '') {
      const condition = "the HPA target's scale is missing a selector";
      return { reason: 'InvalidSelector', event: 'SelectorRequired', message: 'selector is required', condition };
    }
    selectors.set(`${namespace}/${name}`, selector);
    const { items } = await client.list(pods, { namespace, labelSelector: selector });
    const rivals = [...selectors]
      .filter(([key]) => key.startsWith(`${namespace}/`))
      .filter(([, text]) => {
        const wanted = parseLabelSelector(text);
        return items.some((pod) => matchesLabels(wanted, pod.metadata.labels ?? {}));
      })
      .map(([key]) => key);
    if (rivals.length <= 1) return { pods: items };
    const message = `pods by selector ${selector} are controlled by multiple HPAs: [${rivals.join(' ')}]`;
    return { reason: 'AmbiguousSelector', message };
  }

  async #scale(type: ResourceType<Scale>, scale: Scale, desired: number, reason: string): Promise<void> {
    try {
      await this.#writeScale(type, scale, desired);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#event('Warning', 'FailedRescale', `New size: ${desired}; reason: ${reason}; error: ${text}`);
      this.#set(
        'AbleToScale',
        'False',
        'FailedUpdateScale',
        `the HPA controller was unable to update the target scale: ${text}`,
      );
      throw error;
    }
    const message = `the HPA controller was able to update the target scale to ${desired}`;
    this.#set('AbleToScale', 'True', 'SucceededRescale', message);
    this.#event('Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`);
  }

  /** Another writer of the target is no reason to wait for the next look. Source: client-go `util/retry` (DefaultRetry). */
  async #writeScale(type: ResourceType<Scale>, scale: Scale, desired: number): Promise<void> {
    const { client } = this.#deps;
    let latest = scale;
    for (let triesLeft = SCALE_TRIES; ; triesLeft--) {
      const next = { ...latest, apiVersion: 'autoscaling/v1', kind: 'Scale' };
      try {
        await client.update(type, { ...next, spec: { ...latest.spec, replicas: desired } }, { subresource: 'scale' });
        return;
      } catch (error) {
        if (!isConflict(error) || triesLeft <= 1) throw error;
        latest = await client.get(type, this.#targetKey, { subresource: 'scale' });
      }
    }
  }

  #set(type: string, status: 'True' | 'False', reason: string, message: string): void {
    const current = findCondition(this.#conditions, type);
    const lastTransitionTime = current?.status === status ? current.lastTransitionTime : toTime(this.#nowMs);
    const next = { type, status, reason, message, lastTransitionTime };
    const at = this.#conditions.findIndex((condition) => condition.type === type);
    if (at < 0) this.#conditions.push(next);
    else this.#conditions[at] = next;
  }

  async #write(status: HorizontalPodAutoscalerStatus): Promise<void> {
    const next: HorizontalPodAutoscalerStatus = { ...status, conditions: this.#conditions };
    if (toStableText(next) === toStableText(this.#hpa.status ?? {})) return;
    const type = horizontalpodautoscalersV2;
    try {
      await this.#deps.client.update(type, { ...this.#hpa, status: next }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.recorder.event(referenceTo(horizontalpodautoscalersV2, this.#hpa), type, reason, message);
  }
}

export function runHorizontalPodAutoscaler(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('horizontal-pod-autoscaler'));
  const autoscalers = informers.for(horizontalpodautoscalersV2);
  const recorder = deps.events('horizontal-pod-autoscaler', client);
  const sources = createMetricSources(client);
  const selectors = new Map<string, string>();
  const reconciler = new HorizontalPodAutoscalerController({
    client,
    recorder,
    autoscalers,
    sources,
    selectors,
    clock,
  });
  const source = onChange(autoscalers, ({ type, object, previous }) => {
    // Our own status updates must not shorten the period.
    const isOwn = type === 'updated' && toStableText(previous?.spec) === toStableText(object.spec);
    return isOwn ? [] : [toKeyText(keyOf(object))];
  });
  return runController(
    { name: 'horizontal-pod-autoscaler', reconciler, sources: [source], workers: 5, clock, logger, metrics },
    signal,
  );
}
