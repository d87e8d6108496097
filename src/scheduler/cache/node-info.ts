import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { type Amounts, type HostPort, type PodRequest, toAmounts } from './pod-request.ts';

export interface PlacedPod {
  readonly pod: Pod;
  readonly request: PodRequest;
}

/** A node with the pods on it and what they take, kept up to date pod by pod. */
export class NodeInfo {
  #node: Node;
  #allocatable: Amounts;
  readonly pods = new Map<string, PlacedPod>();
  readonly #used = new Map<string, number>();
  readonly scored = { cpu: 0, memory: 0 };

  constructor(node: Node) {
    this.#node = node;
    this.#allocatable = allocatableOf(node);
  }

  get node(): Node {
    return this.#node;
  }

  get name(): string {
    return this.#node.metadata.name ?? '';
  }

  setNode(node: Node): void {
    this.#node = node;
    this.#allocatable = allocatableOf(node);
  }

  allocatable(resource: string): number {
    return this.#allocatable.get(resource) ?? 0;
  }

  used(resource: string): number {
    return this.#used.get(resource) ?? 0;
  }

  add(uid: string, placed: PlacedPod): void {
    this.remove(uid);
    this.pods.set(uid, placed);
    this.#count(placed.request, 1);
  }

  remove(uid: string): void {
    const placed = this.pods.get(uid);
    if (placed === undefined) return;
    this.pods.delete(uid);
    this.#count(placed.request, -1);
  }

  /** Whether some pod holds a port that one of these would need. Source: framework/types.go (HostPortInfo). */
  hasPortConflict(ports: readonly HostPort[]): boolean {
    if (ports.length === 0) return false;
    for (const { request } of this.pods.values()) {
      for (const held of request.hostPorts) {
        if (ports.some((wanted) => collide(wanted, held))) return true;
      }
    }
    return false;
  }

  /** A copy without some pods, to see what evicting them would bring. */
  without(uids: ReadonlySet<string>): NodeInfo {
    const copy = new NodeInfo(this.#node);
    for (const [uid, placed] of this.pods) if (!uids.has(uid)) copy.add(uid, placed);
    return copy;
  }

  #count({ amounts, scored }: PodRequest, sign: 1 | -1): void {
    for (const [name, amount] of amounts) this.#used.set(name, (this.#used.get(name) ?? 0) + sign * amount);
    this.scored.cpu += sign * scored.cpu;
    this.scored.memory += sign * scored.memory;
  }
}

function allocatableOf(node: Node): Amounts {
  return toAmounts(node.status?.allocatable ?? node.status?.capacity);
}

function collide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}
