import { randomInt } from 'node:crypto';
import type { Service } from '../../../generated/api/core/v1.ts';
import type { Clock } from '../../../std/clock.ts';
import type { PortBits, PortRecord } from './port-record.ts';

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

/** A port that no service has by then was left behind by a write that was cut off: requests take no longer. */
const LEAK_GRACE_MS = 3 * 60_000;

export interface NodePortsOptions {
  readonly range: PortRange;
  readonly record: PortRecord;
  /** The services that are stored. */
  stored(): Promise<readonly Service[]>;
  readonly clock: Clock;
}

/** Which node ports are taken: those in the record, which all servers share, and those of stored services. */
export class NodePorts {
  readonly #options: NodePortsOptions;
  #repaired: Promise<void> | undefined;

  constructor(options: NodePortsOptions) {
    this.#options = options;
  }

  /** Begins a reservation. */
  async begin(options: { dryRun: boolean }): Promise<PortReservation> {
    const taken = new Set<number>();
    for (const service of await this.#options.stored()) for (const port of portsOf(service)) taken.add(port);
    const { range, record } = this.#options;
    const repaired = async (): Promise<void> => {
      this.#repaired ??= this.#repair().catch((error) => {
        this.#repaired = undefined;
        throw error;
      });
      await this.#repaired;
    };
    return new PortReservation({ range, record, taken, repaired, ...options });
  }

  /** Gives ports back. What fails is found when the next server starts. */
  async release(ports: readonly number[]): Promise<void> {
    if (ports.length === 0) return;
    const { first, last } = this.#options.range;
    await this.#options.record
      .update((bits) => {
        for (const port of ports) if (port >= first && port <= last) bits.delete(port);
      })
      .catch(() => {});
  }

  /**
   * Brings the record in line with the stored services, before the first port is handed out. Ports that none of them has
   * may be of a write that is under way elsewhere, so they are looked at again some time later.
   *
   * Source: `pkg/registry/core/service/portallocator/controller/repair.go`.
   */
  async #repair(): Promise<void> {
    const { record, clock } = this.#options;
    const used = await this.#used();
    const left = await record.update((bits) => {
      for (const port of used) bits.add(port);
      return [...bits].filter((port) => !used.has(port));
    });
    if (left.length === 0) return;
    clock.after(LEAK_GRACE_MS, () => {
      void this.#used().then(
        (now) => this.release(left.filter((port) => !now.has(port))),
        () => {},
      );
    });
  }

  async #used(): Promise<ReadonlySet<number>> {
    const { stored, range } = this.#options;
    const ports = (await stored()).flatMap(portsOf);
    return new Set(ports.filter((port) => port >= range.first && port <= range.last));
  }
}

interface ReservationOptions {
  readonly range: PortRange;
  readonly record: PortRecord;
  /** Ports of stored services. */
  readonly taken: ReadonlySet<number>;
  /** Nothing is kept. */
  readonly dryRun: boolean;
  repaired(): Promise<void>;
}

/** Source: `pkg/registry/core/service/portallocator/operation.go` (AllocateNext). */
const GUESSES_AFTER = 32_768;

/** The ports that one write wants. */
export class PortReservation {
  readonly #options: ReservationOptions;
  readonly #own = new Set<number>();

  constructor(options: ReservationOptions) {
    this.#options = options;
  }

  /** Those that were taken, to be released where the write does not take place. */
  get own(): readonly number[] {
    return [...this.#own];
  }

  /** Takes a given port. @throws PortRefusal. Source: `pkg/registry/core/service/portallocator`. */
  async take(port: number): Promise<void> {
    const { range, dryRun } = this.#options;
    const { first, last } = range;
    // Upstream leaves the range out of account where nothing is kept.
    if (dryRun && (port < first || port > last)) {
      if (this.#own.has(port)) throw new PortRefusal('provided port is already allocated');
      this.#own.add(port);
      return;
    }
    if (port < first || port > last) {
      throw new PortRefusal(`provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
    }
    await this.#change((bits) => {
      if (!this.#isFree(bits, port)) throw new PortRefusal('provided port is already allocated');
      return port;
    });
  }

  /** Takes any free port; the lower part, which people choose by hand, comes last. */
  async takeNext(): Promise<number> {
    const { first, last } = this.#options.range;
    if (this.#options.dryRun) return this.#guess();
    const size = last - first + 1;
    const lower = size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
    return await this.#change((bits) => {
      const port = this.#draw(bits, first + lower, last) ?? this.#draw(bits, first, first + lower - 1);
      if (port === undefined) throw new PortRefusal('range is full');
      return port;
    });
  }

  /** A port that stands for one that would be found: behind those that the write has already. */
  #guess(): number {
    const port = (this.#own.size === 0 ? GUESSES_AFTER : Math.max(0, ...this.#own)) + 1;
    this.#own.add(port);
    return port;
  }

  /** Runs a choice on the record, and keeps the port that it returns there. */
  async #change(choose: (bits: PortBits) => number): Promise<number> {
    const { dryRun, record, repaired } = this.#options;
    if (!dryRun) await repaired();
    const port = dryRun
      ? choose(await record.current())
      : await record.update((bits) => {
          const chosen = choose(bits);
          bits.add(chosen);
          return chosen;
        });
    this.#own.add(port);
    return port;
  }

  #draw(bits: PortBits, first: number, last: number): number | undefined {
    const count = last - first + 1;
    if (count <= 0) return undefined;
    const start = randomInt(count);
    for (let step = 0; step < count; step++) {
      const port = first + ((start + step) % count);
      if (this.#isFree(bits, port)) return port;
    }
    return undefined;
  }

  #isFree(bits: PortBits, port: number): boolean {
    return !bits.has(port) && !this.#options.taken.has(port) && !this.#own.has(port);
  }
}

/** Every node port of a service, that of its health check too. */
export function portsOf(service: Service): readonly number[] {
  const ports = (service.spec?.ports ?? []).map((port) => port.nodePort ?? 0);
  return [...ports, service.spec?.healthCheckNodePort ?? 0].filter((port) => port > 0);
}
