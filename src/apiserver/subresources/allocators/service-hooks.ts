import type { Service, ServicePort, ServiceSpec } from '../../../generated/api/core/v1.ts';
import { type FieldError, fieldInvalid } from '../../../machinery/errors/field-error.ts';
import { internalError, invalid, type StatusError } from '../../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../../machinery/object/object.ts';
import type { Finish, StoreHooks } from '../../registry/store.ts';
import type { IpFamily } from './ip-range.ts';
import { type NodePorts, PortRefusal, type PortReservation, portsOf } from './node-ports.ts';
import {
  addressesOf,
  agreeAddresses,
  fillFamilies,
  keepAllocated,
  wantsHealthPort,
  wantsNodePorts,
} from './service-families.ts';
import { IpRefusal, type ServiceIps } from './service-ips.ts';

export interface ServiceHooksDeps {
  readonly ips: ServiceIps;
  readonly ports: NodePorts;
  /** Deletes the Endpoints object that goes with a service. */
  deleteEndpoints(namespace: string, name: string): Promise<void>;
}

/** Gives services their addresses and ports, and takes them back. Source: `pkg/registry/core/service/storage`. */
export function serviceHooks(deps: ServiceHooksDeps): StoreHooks {
  return {
    async beginCreate(object, { dryRun }) {
      const service = asService(object);
      agreeAddresses(service.spec, undefined);
      demand(service, fillFamilies(service.spec, undefined, deps.ips.families));
      return reserve(deps, service, undefined, { dryRun });
    },
    async beginUpdate(next, previous, { dryRun }) {
      const service = asService(next);
      const before = previous as unknown as Service;
      const old = before.spec ?? {};
      keepAllocated(service.spec, old);
      agreeAddresses(service.spec, old);
      demand(service, fillFamilies(service.spec, old, deps.ips.families));
      return reserve(deps, service, before, { dryRun });
    },
    async afterDelete(object) {
      const service = object as unknown as Service;
      const { namespace = '', name = '' } = service.metadata ?? {};
      await Promise.all([
        ...addressesOf(service).map((ip) => deps.ips.release(ip)),
        deps.ports.release(portsOf(service)),
      ]);
      await deps.deleteEndpoints(namespace, name);
    },
  };
}

type FullService = Service & { spec: ServiceSpec };

function asService(object: AnyObject): FullService {
  const service = object as unknown as Service;
  service.spec ??= {};
  return service as FullService;
}

function demand(service: Service, faults: readonly FieldError[]): void {
  if (faults.length > 0) throw invalid({ group: '', kind: 'Service' }, service.metadata?.name ?? '', faults);
}

async function reserve(
  deps: ServiceHooksDeps,
  service: FullService,
  previous: Service | undefined,
  options: { dryRun: boolean },
): Promise<Finish> {
  const ports = await deps.ports.begin(options);
  const taken: string[] = [];
  const settle = async (stored: boolean): Promise<void> => {
    if (options.dryRun) return;
    const kept = new Set(portsOf(service));
    const left = previous === undefined ? [] : portsOf(previous).filter((port) => !kept.has(port));
    await deps.ports.release(stored ? left : ports.own);
    const unused = stored && previous !== undefined ? released(service, previous) : stored ? [] : taken;
    await Promise.all(unused.map((ip) => deps.ips.release(ip)));
  };
  try {
    await takeAddresses(deps.ips, service, previous, taken, options);
    await takePorts(ports, service, previous);
    return settle;
  } catch (error) {
    await settle(false);
    throw error;
  }
}

/** Addresses that the service had and no longer has. */
function released(service: Service, previous: Service): readonly string[] {
  const kept = new Set(addressesOf(service));
  return addressesOf(previous).filter((ip) => !kept.has(ip));
}

async function takeAddresses(
  ips: ServiceIps,
  service: FullService,
  previous: Service | undefined,
  taken: string[],
  options: { dryRun: boolean },
): Promise<void> {
  const { spec } = service;
  if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === 'None') return;
  const held = new Set(previous === undefined ? [] : addressesOf(previous));
  const addresses = [...(spec.clusterIPs ?? [])];
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    const wanted = addresses[index] ?? '';
    if (held.has(wanted)) continue;
    // Validation refuses a changed address; a reservation for it would be in the way.
    if (wanted !== '' && index < held.size) continue;
    addresses[index] = await takeAddress(ips, service, family as IpFamily, wanted, options);
    if (!options.dryRun) taken.push(addresses[index] ?? '');
  }
  if (addresses.length === 0) return;
  spec.clusterIPs = addresses;
  spec.clusterIP = addresses[0];
}

async function takeAddress(
  ips: ServiceIps,
  service: FullService,
  family: IpFamily,
  wanted: string,
  options: { dryRun: boolean },
): Promise<string> {
  const name = service.metadata?.name ?? '';
  const fault = (text: string): StatusError => {
    const value = service.spec.clusterIPs ?? [''];
    return invalid({ group: '', kind: 'Service' }, name, [fieldInvalid('spec.clusterIPs', value, text)]);
  };
  try {
    if (wanted === '') return await ips.allocateNext(service, family, options);
    await ips.allocate(service, wanted, options);
    return wanted;
  } catch (error) {
    if (!(error instanceof IpRefusal)) throw error;
    if (error.isFull) {
      throw internalError(
        new Error(`failed to allocate a serviceIP for Service ${JSON.stringify(name)}: ${error.message}`),
      );
    }
    throw fault(
      wanted === '' ? `failed to allocate IP: ${error.message}` : `failed to allocate IP ${wanted}: ${error.message}`,
    );
  }
}

async function takePorts(
  reservation: PortReservation,
  service: FullService,
  previous: Service | undefined,
): Promise<void> {
  const { spec } = service;
  const held = new Set(previous === undefined ? [] : portsOf(previous));
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
    const byPort = new Map<number, number>();
    for (const [index, port] of (spec.ports ?? []).entries()) {
      await takePort(reservation, service, { index, port, held, byPort });
    }
  }
  if (!wantsHealthPort(spec) || held.has(spec.healthCheckNodePort ?? 0)) return;
  if (!spec.healthCheckNodePort) {
    spec.healthCheckNodePort = await reservation.takeNext();
    return;
  }
  try {
    await reservation.take(spec.healthCheckNodePort);
  } catch (error) {
    if (!(error instanceof PortRefusal)) throw error;
    const text = `failed to allocate requested HealthCheck NodePort ${spec.healthCheckNodePort}: ${error.message}`;
    throw internalError(new Error(text));
  }
}

interface PortWish {
  readonly index: number;
  readonly port: ServicePort;
  readonly held: Set<number>;
  /** Node ports by service port: one number serves both protocols of a port. */
  readonly byPort: Map<number, number>;
}

async function takePort(reservation: PortReservation, service: FullService, wish: PortWish): Promise<void> {
  const { port, held, byPort, index } = wish;
  if (!port.nodePort && !wantsNodePorts(service.spec)) return;
  const shared = byPort.get(port.port);
  if (!port.nodePort) {
    const wanted = (service.spec.ports ?? []).find((other) => other.port === port.port && other.nodePort)?.nodePort;
    port.nodePort = shared ?? wanted;
    if (port.nodePort === undefined) {
      port.nodePort = await reservation.takeNext();
      held.add(port.nodePort);
    }
  }
  if (!held.has(port.nodePort)) {
    try {
      await reservation.take(port.nodePort);
    } catch (error) {
      if (!(error instanceof PortRefusal)) throw error;
      demand(service, [fieldInvalid(`spec.ports[${index}].nodePort`, port.nodePort, error.message)]);
    }
    held.add(port.nodePort);
  }
  byPort.set(port.port, port.nodePort);
}
