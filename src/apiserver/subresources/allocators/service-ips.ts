import type { Client } from '../../../client/client.ts';
import type { Service } from '../../../generated/api/core/v1.ts';
import type { IPAddress } from '../../../generated/api/networking/v1.ts';
import { ipaddresses, servicecidrs, services } from '../../../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../../../machinery/errors/status-error.ts';
import type { Clock } from '../../../std/clock.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { candidates, familyOf, type IpFamily, type IpRange, isInRange, parseIpRange } from './ip-range.ts';

/** Why an address cannot be had; the text is upstream's. */
export class IpRefusal extends Error {
  override readonly name = 'IpRefusal';
  readonly isFull: boolean;

  constructor(message: string, options: { isFull: boolean } = { isFull: false }) {
    super(message);
    this.isFull = options.isFull;
  }
}

export interface ServiceIpsOptions {
  readonly client: Client;
  readonly reader: ObjectReader;
  /** Ranges that the server was started with; the first is the primary one. */
  readonly cidrs: readonly string[];
  readonly clock: Clock;
}

/** So long an address may wait for its service to be stored. Source: `ipallocator/controller/repairip.go` (gracePeriod). */
const GRACE_MS = 60_000;

/**
 * Hands out cluster addresses. Who has which address is kept in IPAddress objects, so that several servers cannot give
 * one address twice: creating the object decides. Source: `pkg/registry/core/service/ipallocator`.
 */
export class ServiceIps {
  readonly #options: ServiceIpsOptions;
  readonly #configured: readonly IpRange[];

  constructor(options: ServiceIpsOptions) {
    this.#options = options;
    this.#configured = options.cidrs.map(parseIpRange);
  }

  /** Families that have a range, the primary one first. */
  get families(): readonly IpFamily[] {
    return [...new Set(this.#configured.map((range) => range.family))];
  }

  /** The range that the server was started with first. */
  get primaryRange(): IpRange | undefined {
    return this.#configured[0];
  }

  /** Takes a given address. @throws IpRefusal */
  async allocate(service: Service, ip: string, options: { dryRun: boolean }): Promise<void> {
    const ranges = await this.#ranges(familyOf(ip) ?? 'IPv4');
    if (!ranges.some((range) => isInRange(range, ip))) {
      const known = ranges.map((range) => range.cidr).join(', ');
      throw new IpRefusal(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${known}`);
    }
    if (options.dryRun) return;
    if (!(await this.#claim(service, ip))) throw new IpRefusal('provided IP is already allocated');
  }

  /** Takes any free address of the family. @throws IpRefusal where there is none */
  async allocateNext(service: Service, family: IpFamily, options: { dryRun: boolean }): Promise<string> {
    const ranges = await this.#ranges(family);
    if (options.dryRun && ranges[0] !== undefined) return ranges[0].cidr.split('/')[0] ?? '';
    for (const range of ranges) {
      for (const ip of candidates(range)) {
        if ((await this.#options.reader.get(ipaddresses, { name: ip })) !== undefined) continue;
        if (await this.#claim(service, ip)) return ip;
      }
    }
    throw new IpRefusal('range is full', { isFull: true });
  }

  async release(ip: string): Promise<void> {
    try {
      await this.#options.client.delete(ipaddresses, { name: ip });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /**
   * Brings IPAddress objects in line with the services that exist; run at start. Addresses that another server has just
   * handed out are looked at again later. Source: `ipallocator/controller/repairip.go`.
   */
  async repair(): Promise<void> {
    const { reader, clock } = this.#options;
    const wanted = new Map<string, Service>();
    for (const service of await reader.list(services)) {
      for (const ip of service.spec?.clusterIPs ?? []) if (familyOf(ip) !== undefined) wanted.set(ip, service);
    }
    const work: Promise<unknown>[] = [];
    let isYoungLeft = false;
    for (const address of await reader.list(ipaddresses)) {
      const name = address.metadata?.name ?? '';
      const managed = address.metadata?.labels?.['ipaddress.kubernetes.io/managed-by'] === 'ipallocator.k8s.io';
      const ageMs = clock.nowMs() - Date.parse(address.metadata?.creationTimestamp ?? '');
      // The one that every server makes sure of at its start is not waited for.
      const { namespace, name: service } = address.spec?.parentRef ?? {};
      const isYoung = ageMs < GRACE_MS && !(namespace === 'default' && service === 'kubernetes');
      isYoungLeft ||= managed && isYoung && !wanted.has(name);
      if (managed && !isYoung && !wanted.has(name)) work.push(this.release(name));
      wanted.delete(name);
    }
    for (const [ip, service] of wanted) work.push(this.#claim(service, ip));
    await Promise.all(work);
    if (isYoungLeft) clock.after(GRACE_MS, () => void this.repair().catch(() => {}));
  }

  /** Ranges of ServiceCIDR objects that are not on their way out, and those of the start; small ones first. */
  async #ranges(family: IpFamily): Promise<readonly IpRange[]> {
    const ranges = new Map(this.#configured.map((range) => [range.cidr, range]));
    for (const object of await this.#options.reader.list(servicecidrs)) {
      const ready = object.status?.conditions?.find((condition) => condition.type === 'Ready');
      if (ready?.status !== 'True' || object.metadata?.deletionTimestamp !== undefined) continue;
      for (const cidr of object.spec?.cidrs ?? []) ranges.set(cidr, parseIpRange(cidr));
    }
    return [...ranges.values()].filter((range) => range.family === family);
  }

  /** Whether the address became this service's. */
  async #claim(service: Service, ip: string): Promise<boolean> {
    try {
      await this.#options.client.create(ipaddresses, toIpAddress(service, ip));
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }
}

function toIpAddress(service: Service, ip: string): IPAddress & { metadata: NonNullable<IPAddress['metadata']> } {
  const { namespace = '', name = '' } = service.metadata ?? {};
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name: ip,
      labels: {
        'ipaddress.kubernetes.io/ip-family': familyOf(ip) ?? '',
        'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
      },
    },
    spec: { parentRef: { resource: 'services', namespace, name } },
  };
}
