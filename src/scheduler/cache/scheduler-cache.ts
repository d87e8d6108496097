import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { NodeInfo } from './node-info.ts';
import { type PodInfo, toPodInfo, uidOf } from './pod-info.ts';

/** Nodes and the pods on them, assumed ones included: a pod counts on its node from the decision on, not from the bind's echo. */
export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  #list: readonly NodeInfo[] | undefined;
  /** Node name of each placed pod. */
  readonly #placed = new Map<string, string>();
  readonly #assumed = new Set<string>();
  /** Pods of nodes that are not known (yet). */
  readonly #waiting = new Map<string, Map<string, PodInfo>>();

  nodes(): readonly NodeInfo[] {
    this.#list ??= [...this.#nodes.values()];
    return this.#list;
  }

  /** How many there are, for metrics. */
  get sizes(): { readonly nodes: number; readonly pods: number; readonly assumed: number } {
    return { nodes: this.#nodes.size, pods: this.#placed.size, assumed: this.#assumed.size };
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? '';
    const known = this.#nodes.get(name);
    if (known !== undefined) {
      known.setNode(node);
      return;
    }
    const info = new NodeInfo(node);
    this.#nodes.set(name, info);
    this.#list = undefined;
    for (const waiting of this.#waiting.get(name)?.values() ?? []) info.add(waiting);
    this.#waiting.delete(name);
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info === undefined) return;
    this.#nodes.delete(name);
    this.#list = undefined;
    if (info.podCount > 0) this.#waiting.set(name, new Map([...info.pods()].map((each) => [uidOf(each.pod), each])));
  }

  /** A pod that the API shows on a node; replaces what was assumed of it. */
  setPod(pod: Pod): void {
    const uid = uidOf(pod);
    const nodeName = pod.spec.nodeName ?? '';
    if (this.#placed.get(uid) !== nodeName) this.removePod(uid);
    this.#assumed.delete(uid);
    this.#placed.set(uid, nodeName);
    this.#place(nodeName, toPodInfo(pod));
  }

  removePod(uid: string): void {
    const nodeName = this.#placed.get(uid);
    if (nodeName === undefined) return;
    this.#placed.delete(uid);
    this.#assumed.delete(uid);
    this.#nodes.get(nodeName)?.remove(uid);
    this.#waiting.get(nodeName)?.delete(uid);
  }

  /** Counts a pod on the node that was chosen for it. */
  assume(info: PodInfo, nodeName: string): void {
    const uid = uidOf(info.pod);
    this.#placed.set(uid, nodeName);
    this.#assumed.add(uid);
    this.#place(nodeName, info);
  }

  /** Takes an assumption back, where the bind failed and the API has not shown the pod on the node. */
  forget(uid: string): void {
    if (this.#assumed.has(uid)) this.removePod(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  #place(nodeName: string, info: PodInfo): void {
    const node = this.#nodes.get(nodeName);
    if (node !== undefined) {
      node.add(info);
      return;
    }
    const waiting = this.#waiting.get(nodeName);
    if (waiting === undefined) this.#waiting.set(nodeName, new Map([[uidOf(info.pod), info]]));
    else waiting.set(uidOf(info.pod), info);
  }
}
