import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { IPAddress, ServiceCIDR } from '../../generated/api/networking/v1.ts';
import { ipaddresses, servicecidrs } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange, ownKey } from '../../reconcile/sources.ts';
import { type Cidr, contains, parseCidr, parseIp } from '../../std/cidr.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { parseTime, toTime } from '../timestamps.ts';

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
/** Allocators need this long to see that a range goes; nobody takes an address of it afterwards. */
const DELETION_GRACE_MS = 10_000;

const READY = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
const BLOCKED = {
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
};

/**
 * Whether a range may go: other ranges hold all of it, or none of the addresses in use would be left without one.
 * `addresses` are those that the allocator made.
 */
export function canGo(range: ServiceCIDR, ranges: readonly ServiceCIDR[], addresses: readonly string[]): boolean {
  const others = ranges.filter(({ metadata }) => metadata.uid !== range.metadata.uid).flatMap(cidrsOf);
  const own = cidrsOf(range);
  const isCovered = own.every((cidr) => others.some((other) => holds(other, cidr)));
  if (isCovered) return true;
  return addresses
    .map(parseIp)
    .every((ip) => !own.some((cidr) => contains(cidr, ip)) || others.some((cidr) => contains(cidr, ip)));
}

const cidrsOf = ({ spec }: ServiceCIDR): Cidr[] => (spec?.cidrs ?? []).map(parseCidr);

const holds = (outer: Cidr, inner: Cidr): boolean =>
  outer.family === inner.family && outer.prefixBits <= inner.prefixBits && contains(outer, inner);

/**
 * Says of service ranges that they are ready, and keeps those that are deleted until no service needs them.
 *
 * Source: `pkg/controller/servicecidrs/servicecidrs_controller.go`.
 */
class ServiceCidrs implements Reconciler {
  readonly #client: Client;
  readonly #ranges: Informer<ServiceCIDR>;
  readonly #addresses: Informer<IPAddress>;
  readonly #clock: Clock;

  constructor(client: Client, ranges: Informer<ServiceCIDR>, addresses: Informer<IPAddress>, clock: Clock) {
    this.#client = client;
    this.#ranges = ranges;
    this.#addresses = addresses;
    this.#clock = clock;
  }

  async reconcile(name: string): Promise<Result> {
    const range = this.#ranges.get(name);
    if (range === undefined) return done;
    const { deletionTimestamp, finalizers = [] } = range.metadata;
    if (deletionTimestamp === undefined) {
      if (!finalizers.includes(FINALIZER)) await this.#patch(name, { metadata: { finalizers: [FINALIZER] } });
      return await this.#tell(range, READY);
    }
    const addresses = this.#addresses
      .list()
      .filter(({ metadata }) => metadata.labels?.[MANAGED_BY] === 'ipallocator.k8s.io')
      .map(({ metadata }) => metadata.name ?? '');
    if (!canGo(range, this.#ranges.list(), addresses)) return await this.#tell(range, BLOCKED);
    const leftMs = (parseTime(deletionTimestamp) ?? 0) + DELETION_GRACE_MS - this.#clock.nowMs();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    if (finalizers.includes(FINALIZER))
      await this.#patch(name, { metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER] } });
    return done;
  }

  async #tell(range: ServiceCIDR, verdict: typeof READY): Promise<Result> {
    const name = range.metadata.name ?? '';
    const before = range.status?.conditions?.find(({ type }) => type === 'Ready');
    if (before?.status === verdict.status && before.reason === verdict.reason && before.message === verdict.message)
      return done;
    const condition = { type: 'Ready', ...verdict, lastTransitionTime: toTime(this.#clock.nowMs()) };
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name },
      status: { conditions: [condition] },
    };
    const options = {
      type: 'apply',
      subresource: 'status',
      force: true,
      fieldManager: 'service-cidr-controller',
    } as const;
    await this.#client.patch(servicecidrs, { name }, object, options);
    return done;
  }

  async #patch(name: string, patch: unknown): Promise<void> {
    try {
      await this.#client.patch(servicecidrs, { name }, patch, { type: 'strategic' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

export async function runServiceCidrs(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const ranges = informers.for(servicecidrs);
  const addresses = informers.for(ipaddresses);
  const client = clientFor(controllerUser('service-cidrs-controller'));
  const reconciler = new ServiceCidrs(client, ranges, addresses, clock);
  const going = (): string[] =>
    ranges.list().flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [] : [metadata.name ?? '']));
  const sources = [
    // Another range can set free one that is kept.
    onChange(ranges, (change) => [...ownKey(change), ...going()]),
    onChange(addresses, ({ type }) => (type === 'deleted' ? going() : [])),
  ];
  await runController({ name: 'service-cidrs', reconciler, sources, clock, logger, metrics }, signal);
}
