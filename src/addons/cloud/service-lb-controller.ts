import type { Client } from '../../client/client.ts';
import { createEventRecorder, type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node, Pod, Service } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { daemonsets, endpointslices, nodes, pods, serviceaccounts, services } from '../../generated/resource-types.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { AddonDeps } from '../deps.ts';
import { isMachine } from './machine.ts';
import {
  daemonSetName,
  ENABLE_LABEL,
  ingressAddresses,
  isServed,
  NAME_LABEL,
  NAMESPACE,
  NAMESPACE_LABEL,
  SERVICE_ACCOUNT,
  toDaemonSet,
  traitsOf,
} from './service-lb-plan.ts';

/** Keeps a service until its DaemonSet is gone. Source: cloud-provider `service/helpers` (LoadBalancerCleanupFinalizer). */
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
const FIELD_MANAGER = 'service-controller';
const SERVICE_LABEL = 'kubernetes.io/service-name';

interface Listers {
  readonly services: Informer<Service>;
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly slices: Informer<EndpointSlice>;
}

/** k3s's service load balancer: a service of type LoadBalancer gets its ports on the cluster's own machines. */
class ServiceLoadBalancer implements Reconciler {
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #listers: Listers;
  readonly #registry: string | undefined;
  #hasAccount = false;

  constructor(client: Client, events: EventRecorder, listers: Listers, registry: string | undefined) {
    this.#registry = registry;
    this.#client = client;
    this.#events = events;
    this.#listers = listers;
  }

  async reconcile(key: string): Promise<Result> {
    const service = this.#listers.services.get(key);
    if (service === undefined) return done;
    const wanted = isServed(service) && service.metadata.deletionTimestamp === undefined;
    // Before the first machine has joined there is nothing to balance to, and services are left as they are.
    if (wanted && !this.#listers.nodes.list().some(isMachine)) return done;
    const hasFinalizer = service.metadata.finalizers?.includes(FINALIZER) ?? false;
    if (!wanted && !hasFinalizer) return done;
    try {
      if (wanted) await this.#serve(service, hasFinalizer);
      else await this.#release(service);
    } catch (error) {
      // A newer state of the service comes as an event.
      if (isConflict(error) || isNotFound(error)) return done;
      // Source: cloud-provider `controllers/service/controller.go` (syncService).
      const why = error instanceof Error ? error.message : String(error);
      const what = wanted ? 'ensure' : 'delete';
      this.#tell(
        service,
        'Warning',
        'SyncLoadBalancerFailed',
        `Error syncing load balancer: failed to ${what} load balancer: ${why}`,
      );
      throw error;
    }
    return done;
  }

  async #serve(service: Service, hasFinalizer: boolean): Promise<void> {
    if (!hasFinalizer) await this.#setFinalizers(service, [...(service.metadata.finalizers ?? []), FINALIZER]);
    await this.#ensureAccount();
    const daemonSet = toDaemonSet(service, traitsOf(this.#listers.nodes.list()), this.#registry);
    const options = { type: 'apply', force: true, fieldManager: FIELD_MANAGER } as const;
    const applied = await this.#client.patch(daemonsets, keyOf(daemonSet), daemonSet, options);
    if (applied.metadata.generation === 1 && applied.status?.observedGeneration === undefined && !hasFinalizer)
      this.#tell(
        service,
        'Normal',
        'AppliedDaemonSet',
        `Applied LoadBalancer DaemonSet ${toKeyText(keyOf(daemonSet))}`,
      );
    await this.#writeAddresses(service);
  }

  async #writeAddresses(service: Service): Promise<void> {
    const { name = '', namespace = '' } = service.metadata;
    const { pods: podInformer, slices, nodes: nodeInformer } = this.#listers;
    const next = ingressAddresses(service, {
      pods: podInformer.list(NAMESPACE).filter((pod) => serviceOf(pod)[0] === toKeyText({ namespace, name })),
      slices: slices.list(namespace).filter(({ metadata }) => metadata.labels?.[SERVICE_LABEL] === name),
      node: (nodeName) => nodeInformer.get(nodeName),
    });
    const before = (service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
    if (before.join() === next.join()) return;
    const ingress = next.map((ip) => ({ ip }));
    const patch = { status: { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } } };
    await this.#client.patch(services, keyOf(service), patch, { type: 'merge', subresource: 'status' });
    if (next.length === 0)
      this.#tell(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer');
    else {
      const change = `[${before.join(' ')}] -> [${next.join(' ')}]`;
      this.#tell(service, 'Normal', 'UpdatedLoadBalancer', `Updated LoadBalancer with new IPs: ${change}`);
    }
  }

  async #release(service: Service): Promise<void> {
    const key = { namespace: NAMESPACE, name: daemonSetName(service) };
    try {
      await this.#client.delete(daemonsets, key, { propagationPolicy: 'Background' });
      this.#tell(service, 'Normal', 'DeletedDaemonSet', `Deleted LoadBalancer DaemonSet ${toKeyText(key)}`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (service.metadata.deletionTimestamp === undefined && service.status?.loadBalancer?.ingress !== undefined) {
      const patch = { status: { loadBalancer: { ingress: null } } };
      await this.#client.patch(services, keyOf(service), patch, { type: 'merge', subresource: 'status' });
    }
    const { finalizers = [] } = service.metadata;
    await this.#setFinalizers(
      service,
      finalizers.filter((each) => each !== FINALIZER),
    );
  }

  async #setFinalizers(service: Service, finalizers: readonly string[]): Promise<void> {
    const { metadata } = await this.#client.get(services, keyOf(service));
    const same = JSON.stringify(metadata.finalizers ?? []) === JSON.stringify(service.metadata.finalizers ?? []);
    // Others' finalizers that came meanwhile must not get lost.
    const { resourceVersion } = same ? metadata : service.metadata;
    await this.#client.patch(
      services,
      keyOf(service),
      { metadata: { finalizers, resourceVersion } },
      { type: 'merge' },
    );
  }

  async #ensureAccount(): Promise<void> {
    if (this.#hasAccount) return;
    try {
      await this.#client.create(serviceaccounts, { metadata: { name: SERVICE_ACCOUNT, namespace: NAMESPACE } });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    this.#hasAccount = true;
  }

  #tell(service: Service, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event(referenceTo(services, service), type, reason, message);
  }
}

/** The service that a pod of a DaemonSet serves, as a key. */
function serviceOf({ metadata: { labels = {} } }: Pod | EndpointSlice): string[] {
  const name = labels[NAME_LABEL];
  return name === undefined ? [] : [toKeyText({ namespace: labels[NAMESPACE_LABEL], name })];
}

/** @param registry - Where the image of its pods comes from. Default: its own registry. */
export function runServiceLoadBalancer(
  deps: AddonDeps,
  registry: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { client, informers, clock, logger } = deps;
  const listers: Listers = {
    services: informers.for(services),
    nodes: informers.for(nodes),
    pods: informers.for(pods),
    slices: informers.for(endpointslices),
  };
  const events = createEventRecorder({ client, component: 'service-controller', clock, logger, signal });
  const served = (): string[] =>
    listers.services
      .list()
      .filter(isServed)
      .map((service) => toKeyText(keyOf(service)));
  const relevantText = (node: Node | undefined): string =>
    JSON.stringify([
      node?.metadata.labels?.[ENABLE_LABEL],
      node?.status?.addresses,
      node?.status?.nodeInfo?.kubeletVersion,
      node !== undefined && isMachine(node),
    ]);
  const sources = [
    onChange(listers.services),
    onChange(listers.pods, ({ object }) => serviceOf(object)),
    onChange(listers.slices, ({ object: { metadata } }) => {
      const name = metadata.labels?.[SERVICE_LABEL];
      const key = toKeyText({ namespace: metadata.namespace, name: name ?? '' });
      const service = listers.services.get(key);
      // Endpoints matter only where traffic stays on its node.
      return service !== undefined && isServed(service) && service.spec?.externalTrafficPolicy === 'Local' ? [key] : [];
    }),
    onChange(listers.nodes, ({ object, previous }) =>
      relevantText(object) === relevantText(previous) ? [] : served(),
    ),
  ];
  const reconciler = new ServiceLoadBalancer(client, events, listers, registry);
  return runController({ name: 'service-lb', reconciler, sources, clock, logger }, signal);
}
