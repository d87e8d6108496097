import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { type PodInfo, uidOf } from './pod-info.ts';
import { type Amounts, type HostPort, type PodRequest, toAmounts } from './pod-request.ts';

/** A node with the pods on it and what they take, kept up to date pod by pod. */
export class NodeInfo {
  #node: Node;
  #allocatable: Amounts;
  #imageBytes: ReadonlyMap<string, number> | undefined;
  readonly #pods = new Map<string, PodInfo>();
  /** Those with wishes about other pods: few, and asked for often. */
  readonly #withAffinity = new Map<string, PodInfo>();
  readonly #used = new Map<string, number>();
  readonly #scored = { cpu: 0, memory: 0 };
  #hostPorts = 0;

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

  get labels(): Readonly<Record<string, string>> {
    return this.#node.metadata.labels ?? {};
  }

  get podCount(): number {
    return this.#pods.size;
  }

  /** What pods ask for, with upstream's least values for those that ask for nothing. */
  get scored(): PodRequest['scored'] {
    return this.#scored;
  }

  setNode(node: Node): void {
    this.#node = node;
    this.#allocatable = allocatableOf(node);
    this.#imageBytes = undefined;
  }

  pods(): Iterable<PodInfo> {
    return this.#pods.values();
  }

  podsWithAffinity(): Iterable<PodInfo> {
    return this.#withAffinity.values();
  }

  allocatable(resource: string): number {
    return this.#allocatable.get(resource) ?? 0;
  }

  /** Whether the node tells of a resource, be it that it has none of it. */
  hasAllocatable(resource: string): boolean {
    return this.#allocatable.has(resource);
  }

  used(resource: string): number {
    return this.#used.get(resource) ?? 0;
  }

  /** Size of an image that the node holds, in bytes; undefined where it does not. */
  imageBytes(name: string): number | undefined {
    this.#imageBytes ??= new Map(
      (this.#node.status?.images ?? []).flatMap(({ names, sizeBytes }) =>
        (names ?? []).map((each) => [each, sizeBytes ?? 0] as const),
      ),
    );
    return this.#imageBytes.get(name);
  }

  add(info: PodInfo): void {
    const uid = uidOf(info.pod);
    this.remove(uid);
    this.#pods.set(uid, info);
    const { near, far, preferredNear, preferredFar } = info.affinity;
    if (near.length + far.length + preferredNear.length + preferredFar.length > 0) this.#withAffinity.set(uid, info);
    this.#count(info.request, 1);
  }

  remove(uid: string): void {
    const info = this.#pods.get(uid);
    if (info === undefined) return;
    this.#pods.delete(uid);
    this.#withAffinity.delete(uid);
    this.#count(info.request, -1);
  }

  /** Whether some pod holds a port that one of these would need. Source: framework/types.go (HostPortInfo). */
  hasPortConflict(ports: readonly HostPort[]): boolean {
    if (ports.length === 0 || this.#hostPorts === 0) return false;
    for (const { request } of this.#pods.values()) {
      for (const held of request.hostPorts) {
        if (ports.some((wanted) => collide(wanted, held))) return true;
      }
    }
    return false;
  }

  /** A copy that changes on its own, to see what evicting or adding pods would bring. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.#node);
    for (const info of this.#pods.values()) copy.add(info);
    return copy;
  }

  #count({ amounts, scored, hostPorts }: PodRequest, sign: 1 | -1): void {
    for (const [name, amount] of amounts) this.#used.set(name, (this.#used.get(name) ?? 0) + sign * amount);
    this.#scored.cpu += sign * scored.cpu;
    this.#scored.memory += sign * scored.memory;
    this.#hostPorts += sign * hostPorts.length;
  }
}

/** Whether the pod is on its way out; such pods do not count for spreading. */
export const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

function allocatableOf(node: Node): Amounts {
  return toAmounts(node.status?.allocatable ?? node.status?.capacity);
}

function collide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}
