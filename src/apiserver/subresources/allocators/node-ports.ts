import { randomInt } from 'node:crypto';
import type { Service } from '../../../generated/api/core/v1.ts';

/** Why a port cannot be had; the text is upstream's. */
export class PortRefusal extends Error {
  override readonly name = 'PortRefusal';
}

export interface PortRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/** @throws Error where the text is not `first-last`. */
export function parsePortRange(text: string): PortRange {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (match === null || range.first < 1 || range.last > 65535 || range.first > range.last) {
    throw new Error(`${text} is not a range of ports such as 30000-32767`);
  }
  return range;
}

/** Which node ports are taken: those of stored services, and those reserved by writes that are under way. */
export class NodePorts {
  readonly #range: PortRange;
  readonly #stored: () => Promise<readonly Service[]>;
  readonly #reserved = new Set<number>();

  constructor(range: PortRange, stored: () => Promise<readonly Service[]>) {
    this.#range = range;
    this.#stored = stored;
  }

  /** Begins a reservation that holds its ports until it is finished. */
  async begin(): Promise<PortReservation> {
    const taken = new Set<number>();
    for (const service of await this.#stored()) for (const port of portsOf(service)) taken.add(port);
    return new PortReservation(this.#range, taken, this.#reserved);
  }
}

/** The ports that one write wants. */
export class PortReservation {
  readonly #range: PortRange;
  readonly #taken: ReadonlySet<number>;
  readonly #reserved: Set<number>;
  readonly #own = new Set<number>();

  constructor(range: PortRange, taken: ReadonlySet<number>, reserved: Set<number>) {
    this.#range = range;
    this.#taken = taken;
    this.#reserved = reserved;
  }

  /** Takes a given port. @throws PortRefusal. Source: `pkg/registry/core/service/portallocator`. */
  take(port: number): void {
    const { first, last } = this.#range;
    if (port < first || port > last) {
      throw new PortRefusal(`provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
    }
    if (!this.#isFree(port)) throw new PortRefusal('provided port is already allocated');
    this.#hold(port);
  }

  /** Takes any free port; the lower part, which people choose by hand, comes last. */
  takeNext(): number {
    const { first, last } = this.#range;
    const size = last - first + 1;
    const lower = size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
    const port = this.#draw(first + lower, last) ?? this.#draw(first, first + lower - 1);
    if (port === undefined) throw new PortRefusal('range is full');
    this.#hold(port);
    return port;
  }

  /** Gives the reservation up; ports of a write that took place are known from the stored service by now. */
  finish(): void {
    for (const port of this.#own) this.#reserved.delete(port);
    this.#own.clear();
  }

  #draw(first: number, last: number): number | undefined {
    const count = last - first + 1;
    if (count <= 0) return undefined;
    const start = randomInt(count);
    for (let step = 0; step < count; step++) {
      const port = first + ((start + step) % count);
      if (this.#isFree(port)) return port;
    }
    return undefined;
  }

  #isFree(port: number): boolean {
    return !this.#taken.has(port) && !this.#reserved.has(port);
  }

  #hold(port: number): void {
    this.#own.add(port);
    this.#reserved.add(port);
  }
}

/** Every node port of a service, that of its health check too. */
export function portsOf(service: Service): readonly number[] {
  const ports = (service.spec?.ports ?? []).map((port) => port.nodePort ?? 0);
  return [...ports, service.spec?.healthCheckNodePort ?? 0].filter((port) => port > 0);
}
