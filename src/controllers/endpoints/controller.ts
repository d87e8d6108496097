import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Endpoints, Node, Pod, Service } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { endpoints, endpointslices, nodes, pods, services } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, parseKeyText, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { Expectations } from '../../reconcile/expectations.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { type MapToKeys, onChange, type Source, untilSynced } from '../../reconcile/sources.ts';
import { runAll } from '../batches.ts';
import { isConditionTrue } from '../conditions.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { planEndpoints } from './plan.ts';
import { endpointFingerprint, hasSelector, isEndpointPod, selects } from './pod-endpoint.ts';
import {
  frameOf,
  planGroups,
  planSlices,
  recycleSlices,
  SERVICE_NAME,
  SLICE_MANAGED_BY,
  SLICE_MANAGER,
  type SliceGroup,
  type SlicePlan,
} from './slice-plan.ts';
import { type HintEvent, TopologyHints, wantsTopologyHints } from './topology-hints.ts';
import { TriggerTimes, withTriggerTime } from './trigger-times.ts';

/** Annotation of Endpoints that only carry an old-style leader lock. */
export const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';

interface Shared {
  readonly client: Client;
  readonly triggerTimes: TriggerTimes;
  readonly recorder: EventRecorder;
  readonly services: Informer<Service>;
  readonly pods: Informer<Pod>;
}

/** Keeps the Endpoints of services with a selector. */
class EndpointsController implements Reconciler {
  readonly #deps: Shared & { readonly endpoints: Informer<Endpoints> };

  constructor(deps: Shared & { readonly endpoints: Informer<Endpoints> }) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, recorder, services: serviceInformer, pods: podInformer, endpoints: informer } = this.#deps;
    const service = serviceInformer.get(key);
    if (service === undefined) {
      this.#deps.triggerTimes.forget(key);
      if (informer.get(key) !== undefined) await ignoreNotFound(client.delete(endpoints, parseKeyText(key)));
      return done;
    }
    if (!hasSelector(service) || service.spec?.type === 'ExternalName') return done;
    const chosen = podInformer.list(service.metadata.namespace).filter((pod) => selects(service, pod));
    const current = informer.get(key);
    const triggerTime = this.#deps.triggerTimes.observe(key, service, chosen);
    const planned = planEndpoints(service, chosen, current);
    if (planned === undefined) return done;
    const next = { ...planned, metadata: withTime(planned.metadata, triggerTime) };
    try {
      await (current === undefined ? client.create(endpoints, next) : client.update(endpoints, next));
    } catch (error) {
      if (isNamespaceTerminating(error)) return done;
      if (!isConflict(error)) {
        const verb = current === undefined ? 'create endpoint for service' : 'update endpoint';
        const reason = current === undefined ? 'FailedToCreateEndpoint' : 'FailedToUpdateEndpoint';
        const text = error instanceof Error ? error.message : String(error);
        recorder.event(referenceTo(endpoints, next), 'Warning', reason, `Failed to ${verb} ${key}: ${text}`);
      }
      throw error;
    }
    return done;
  }
}

/** Keeps the EndpointSlices of services with a selector. */
class EndpointSliceController implements Reconciler {
  readonly #deps: Shared & {
    readonly slices: Informer<EndpointSlice>;
    readonly nodes: Informer<Node>;
    readonly expectations: Expectations;
    readonly hints: TopologyHints;
  };

  constructor(
    deps: Shared & {
      slices: Informer<EndpointSlice>;
      nodes: Informer<Node>;
      expectations: Expectations;
      hints: TopologyHints;
    },
  ) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, recorder, expectations } = this.#deps;
    const service = this.#deps.services.get(key);
    const existing = slicesOf(this.#deps.slices, key);
    if (service === undefined) {
      expectations.forget(key);
      this.#deps.triggerTimes.forget(key);
      for (const type of ['IPv4', 'IPv6']) this.#deps.hints.forget(key, type);
      // The garbage collector takes those that we own; ones without an owner would stay for ever.
      return done;
    }
    if (!hasSelector(service) || service.spec?.type === 'ExternalName') return done;
    if (service.metadata.deletionTimestamp !== undefined) return done;
    // A slice that was just made and is not seen yet would be made twice.
    if (!expectations.isMet(key)) return done;
    const selected = this.#deps.pods.list(service.metadata.namespace).filter((pod) => selects(service, pod));
    const triggerTime = this.#deps.triggerTimes.observe(key, service, selected);
    const lost = service.spec?.publishNotReadyAddresses ? [] : selected.filter((pod) => this.#isOnLostNode(pod));
    const chosen = selected.filter((pod) => !lost.includes(pod));
    const stamped = (slice: EndpointSlice): EndpointSlice => ({
      ...slice,
      metadata: withTime(slice.metadata, triggerTime),
    });
    const groups = planGroups(service, chosen, (name) => this.#deps.nodes.get(name));
    const { plan, events } = this.#planHints(key, service, groups, existing);
    if (plan.create.length > 0) expectations.expect(key, { creations: plan.create.length });
    try {
      await runAll(plan.create, async (slice) => {
        try {
          await client.create(endpointslices, stamped(slice));
        } catch (error) {
          expectations.creationSeen(key);
          throw error;
        }
      });
      await runAll(plan.update, (slice) => client.update(endpointslices, stamped(slice)));
      await runAll(plan.remove, (slice) => ignoreNotFound(client.delete(endpointslices, keyOf(slice))));
    } catch (error) {
      if (isNamespaceTerminating(error)) return done;
      if (!isConflict(error)) {
        const text = error instanceof Error ? error.message : String(error);
        const message = `Error updating Endpoint Slices for Service ${key}: ${text}`;
        recorder.event(referenceTo(services, service), 'Warning', 'FailedToUpdateEndpointSlices', message);
      }
      throw error;
    }
    for (const { type, reason, message } of events) {
      recorder.event(referenceTo(services, service), type, reason, message);
    }
    if (lost.length === 0) return done;
    // Without them for now; the garbage collector of pods will see to them.
    const text = lost
      .map(({ metadata, spec }) => `skipping Pod ${metadata.name} for Service ${key}: Node ${spec.nodeName} Not Found`)
      .join(', ');
    const message = `Error updating Endpoint Slices for Service ${key}: ${lost.length > 1 ? `[${text}]` : text}`;
    recorder.event(referenceTo(services, service), 'Warning', 'FailedToUpdateEndpointSlices', message);
    throw new Error(message);
  }

  #isOnLostNode(pod: Pod): boolean {
    return isEndpointPod(pod, { terminatingToo: true }) && this.#deps.nodes.get(pod.spec?.nodeName ?? '') === undefined;
  }

  /** The slices of a service, with hints by zones where it asks for them. */
  #planHints(
    key: string,
    service: Service,
    groups: readonly SliceGroup[],
    existing: readonly EndpointSlice[],
  ): { readonly plan: SlicePlan; readonly events: readonly HintEvent[] } {
    const { hints } = this.#deps;
    const frame = frameOf(service);
    const keepsHints = wantsTopologyHints(service.metadata.annotations);
    const plan = planSlices(frame, groups, existing, { keepsHints });
    const events: HintEvent[] = [];
    const create: EndpointSlice[] = [];
    const update: EndpointSlice[] = [];
    for (const type of new Set(groups.map(({ addressType }) => addressType))) {
      const isOf = (slice: EndpointSlice): boolean => slice.addressType === type;
      const changes = {
        create: plan.create.filter(isOf),
        update: plan.update.filter(isOf),
        unchanged: plan.unchanged.filter(isOf),
      };
      const hinted = keepsHints ? hints.add(key, type, changes) : { ...changes, events: hints.drop(key, type) };
      create.push(...hinted.create);
      update.push(...hinted.update);
      events.push(...hinted.events);
    }
    return { plan: recycleSlices({ ...plan, create, update }, frame), events };
  }
}

/** Written anew with each write, and no reason for one. */
function withTime<M extends KubeObject['metadata']>(metadata: M, triggerTime: string | undefined): M {
  const { annotations: before, ...rest } = metadata;
  const annotations = withTriggerTime(before, triggerTime);
  return { ...rest, ...(annotations === undefined ? {} : { annotations }) } as M;
}

const SERVICE_INDEX = 'service';

/** Slices of a service by whoever keeps them, by `namespace/name`. */
export function indexSlicesByService(informer: Informer<EndpointSlice>): void {
  informer.addIndex(SERVICE_INDEX, (slice) => {
    const name = slice.metadata.labels?.[SERVICE_NAME];
    return name ? [`${slice.metadata.namespace}/${name}`] : [];
  });
}

function slicesOf(informer: Informer<EndpointSlice>, key: string): readonly EndpointSlice[] {
  return informer.byIndex(SERVICE_INDEX, key).filter((slice) => isOurs(slice));
}

function isOurs(slice: EndpointSlice): boolean {
  return slice.metadata.labels?.[SLICE_MANAGED_BY] === SLICE_MANAGER;
}

/** Keys of the services that a change of a pod may concern, by its labels now and before. */
function toServices(informer: Informer<Service>): MapToKeys<Pod> {
  return ({ type, object, previous }) => {
    if (type === 'updated' && previous !== undefined && endpointFingerprint(previous) === endpointFingerprint(object)) {
      return [];
    }
    return informer
      .list(object.metadata.namespace ?? '')
      .filter((service) => selects(service, object) || (previous !== undefined && selects(service, previous)))
      .map((service) => toKeyText(keyOf(service)));
  };
}

async function ignoreNotFound(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}

export function runEndpointsController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('endpoint-controller'));
  const serviceInformer = informers.for(services);
  const podInformer = informers.for(pods);
  const informer = informers.for(endpoints);
  const recorder = deps.events('endpoint-controller', client);
  const reconciler = new EndpointsController({
    client,
    recorder,
    services: serviceInformer,
    pods: podInformer,
    endpoints: informer,
    triggerTimes: new TriggerTimes(),
  });
  const sources: Source[] = [
    onChange(serviceInformer),
    onChange(podInformer, toServices(serviceInformer)),
    onChange(informer, ({ type, object }) => (type === 'deleted' ? [toKeyText(keyOf(object))] : [])),
    sweepOnce(informer, serviceInformer),
  ];
  return runController({ name: 'endpoint', reconciler, sources, workers: 5, clock, logger, metrics }, signal);
}

/** Yields, once, the endpoints that are there: those whose service went while nobody looked must go too. */
function sweepOnce(informer: Informer<Endpoints>, serviceInformer: Informer<Service>): Source {
  return {
    synced: Promise.all([informer.synced, serviceInformer.synced]).then(() => {}),
    start(enqueue) {
      let isWanted = true;
      void this.synced.then(() => {
        for (const each of isWanted ? informer.list() : []) {
          if (each.metadata.annotations?.[LEADER_ANNOTATION] === undefined) enqueue(toKeyText(keyOf(each)));
        }
      });
      return () => {
        isWanted = false;
      };
    },
  };
}

export function runEndpointSliceController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('endpointslice-controller'));
  const serviceInformer = informers.for(services);
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  const slices = informers.for(endpointslices);
  indexSlicesByService(slices);
  const recorder = deps.events('endpoint-slice-controller', client);
  const expectations = new Expectations(clock);
  const hints = new TopologyHints();
  const reconciler = new EndpointSliceController({
    client,
    recorder,
    services: serviceInformer,
    pods: podInformer,
    nodes: nodeInformer,
    slices,
    expectations,
    hints,
    triggerTimes: new TriggerTimes(),
  });
  const zoneOf = (node: Node | undefined): string | undefined => node?.metadata.labels?.['topology.kubernetes.io/zone'];
  const sources = [
    onChange(serviceInformer),
    onChange(podInformer, toServices(serviceInformer)),
    onChange(slices, ({ type, object }) => {
      if (!isOurs(object)) return [];
      const key = `${object.metadata.namespace}/${object.metadata.labels?.[SERVICE_NAME]}`;
      if (type === 'added') expectations.creationSeen(key);
      return [key];
    }),
    onChange(nodeInformer, ({ type, object, previous }) => {
      const isReady = (node: Node | undefined): boolean => isConditionTrue(node?.status?.conditions, 'Ready');
      const isKnown = type === 'updated' && zoneOf(object) === zoneOf(previous);
      if (isKnown && isReady(object) === isReady(previous)) return [];
      const overloaded = hints.setNodes(nodeInformer.list());
      if (type === 'deleted' || isKnown) return overloaded;
      // A zone that is learnt late: every service with a pod there shows it.
      const here = podInformer.list().filter((pod) => pod.spec?.nodeName === object.metadata.name);
      return new Set([
        ...overloaded,
        ...here.flatMap((pod) => [...toServices(serviceInformer)({ type: 'added', object: pod })]),
      ]) as Set<string>;
    }),
    untilSynced(slices),
  ];
  return runController({ name: 'endpointslice', reconciler, sources, workers: 5, clock, logger, metrics }, signal);
}
