import { isIPv6 } from 'node:net';
import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { EndpointAddress, Endpoints, Service } from '../../generated/api/core/v1.ts';
import type { Endpoint, EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { endpoints, endpointslices, services } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, ownedBy } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { Expectations } from '../../reconcile/expectations.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { runAll } from '../batches.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { indexSlicesByService, LEADER_ANNOTATION } from './controller.ts';
import { hasSelector } from './pod-endpoint.ts';
import { repackSubsets } from './repack-subsets.ts';
import {
  planSlices,
  recycleSlices,
  SERVICE_NAME,
  SLICE_MANAGED_BY,
  type SliceFrame,
  type SliceGroup,
  type SlicePlan,
} from './slice-plan.ts';

/** Source: `pkg/controller/endpointslicemirroring`. */
const MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
const MAX_PER_SUBSET = 1000;

/** Whether hand-written Endpoints are to be shown as slices too. */
export function isMirrored(current: Endpoints | undefined, service: Service | undefined): boolean {
  if (current === undefined || service === undefined || hasSelector(service)) return false;
  return current.metadata.labels?.[SKIP] !== 'true' && current.metadata.annotations?.[LEADER_ANNOTATION] === undefined;
}

export interface MirrorGroups {
  readonly groups: readonly SliceGroup[];
  /** Addresses beyond what is mirrored of one subset. */
  readonly skipped: number;
}

/** The endpoints to show: of each set of ports and each family one slice. */
export function planMirrorGroups(current: Endpoints): MirrorGroups {
  const groups: SliceGroup[] = [];
  let skipped = 0;
  for (const subset of repackSubsets(current.subsets ?? [])) {
    const ports = (subset.ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    const all = [
      ...(subset.addresses ?? []).map((address) => toEndpoint(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => toEndpoint(address, false)),
    ];
    skipped += Math.max(0, all.length - MAX_PER_SUBSET);
    for (const addressType of ['IPv4', 'IPv6']) {
      const endpoints = all
        .slice(0, MAX_PER_SUBSET)
        .filter(({ addresses }) => isIPv6(addresses[0] ?? '') === (addressType === 'IPv6'));
      if (endpoints.length > 0) groups.push({ addressType, ports, endpoints });
    }
  }
  return { groups, skipped };
}

function toEndpoint({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(targetRef === undefined ? {} : { targetRef }),
    ...(nodeName ? { nodeName } : {}),
  };
}

function frameOf(current: Endpoints): SliceFrame {
  const { name = '', namespace } = current.metadata;
  const labels: Record<string, string> = { ...current.metadata.labels };
  labels[SERVICE_NAME] = name;
  labels[SLICE_MANAGED_BY] = MANAGER;
  const { [TRIGGER_TIME]: _time, [LAST_APPLIED]: _applied, ...annotations } = current.metadata.annotations ?? {};
  const ownerReferences = [ownedBy(current, endpoints)];
  return { labels, metadata: { generateName: `${name}-`, namespace, annotations, ownerReferences } };
}

/** Shows Endpoints that users write by hand as slices: proxies look at slices only. */
class MirroringController implements Reconciler {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #endpoints: Informer<Endpoints>;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #expectations: Expectations;

  constructor(deps: {
    client: Client;
    recorder: EventRecorder;
    endpoints: Informer<Endpoints>;
    services: Informer<Service>;
    slices: Informer<EndpointSlice>;
    expectations: Expectations;
  }) {
    this.#client = deps.client;
    this.#recorder = deps.recorder;
    this.#endpoints = deps.endpoints;
    this.#services = deps.services;
    this.#slices = deps.slices;
    this.#expectations = deps.expectations;
  }

  #plan(current: Endpoints, existing: readonly EndpointSlice[]): SlicePlan {
    const { groups, skipped } = planMirrorGroups(current);
    if (skipped > 0) {
      const message = `A max of ${MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
      this.#recorder.event(referenceTo(endpoints, current), 'Warning', 'TooManyAddressesToMirror', message);
    }
    const frame = frameOf(current);
    return recycleSlices(planSlices(frame, groups, existing, { maxEndpoints: MAX_PER_SUBSET }), frame);
  }

  async reconcile(key: string): Promise<Result> {
    const current = this.#endpoints.get(key);
    const service = this.#services.get(key);
    const existing = this.#slices
      .byIndex('service', key)
      .filter((slice) => slice.metadata.labels?.[SLICE_MANAGED_BY] === MANAGER);
    const wanted = current !== undefined && service !== undefined && isMirrored(current, service);
    if (!this.#expectations.isMet(key)) return done;
    const plan = wanted ? this.#plan(current, existing) : { create: [], update: [], remove: existing };
    if (plan.create.length > 0) this.#expectations.expect(key, { creations: plan.create.length });
    try {
      await runAll(plan.create, async (slice) => {
        try {
          await this.#client.create(endpointslices, slice);
        } catch (error) {
          this.#expectations.creationSeen(key);
          throw error;
        }
      });
      await runAll(plan.update, (slice) => this.#client.update(endpointslices, slice));
      await runAll(plan.remove, async (slice) => {
        await this.#client.delete(endpointslices, keyOf(slice)).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
      });
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
    return done;
  }
}

export function runEndpointSliceMirroringController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('endpointslicemirroring-controller'));
  const endpointInformer = informers.for(endpoints);
  const serviceInformer = informers.for(services);
  const slices = informers.for(endpointslices);
  indexSlicesByService(slices);
  const expectations = new Expectations(clock);
  const reconciler = new MirroringController({
    client,
    recorder: deps.events('endpoint-slice-mirroring-controller', client),
    endpoints: endpointInformer,
    services: serviceInformer,
    slices,
    expectations,
  });
  const sources = [
    onChange(endpointInformer),
    onChange(serviceInformer),
    onChange(slices, ({ type, object }) => {
      if (object.metadata.labels?.[SLICE_MANAGED_BY] !== MANAGER) return [];
      const key = `${object.metadata.namespace}/${object.metadata.labels?.[SERVICE_NAME]}`;
      if (type === 'added') expectations.creationSeen(key);
      return [key];
    }),
  ];
  return runController(
    { name: 'endpointslicemirroring', reconciler, sources, workers: 2, clock, logger, metrics },
    signal,
  );
}
