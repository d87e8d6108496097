import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { NodeInfo } from './node-info.ts';
import { type PodRequest, toPodRequest } from './pod-request.ts';

/** Nodes and the pods on them, assumed ones included: a pod counts on its node from the decision on, not from the bind's echo. */
export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Node name of each placed pod. */
  readonly #placed = new Map<string, string>();
  readonly #assumed = new Set<string>();
  /** Pods of nodes that are not known (yet). */
  readonly #waiting = new Map<string, Map<string, Pod>>();

  nodes(): readonly NodeInfo[] {
    return [...this.#nodes.values()];
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
    for (const [uid, pod] of this.#waiting.get(name) ?? []) info.add(uid, { pod, request: toPodRequest(pod) });
    this.#waiting.delete(name);
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info === undefined) return;
    this.#nodes.delete(name);
    const pods = new Map([...info.pods].map(([uid, { pod }]) => [uid, pod]));
    if (pods.size > 0) this.#waiting.set(name, pods);
  }

  /** A pod that the API shows on a node; replaces what was assumed of it. */
  setPod(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const nodeName = pod.spec.nodeName ?? '';
    if (this.#placed.get(uid) !== nodeName) this.removePod(uid);
    this.#assumed.delete(uid);
    this.#placed.set(uid, nodeName);
    this.#place(nodeName, uid, pod, toPodRequest(pod));
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
  assume(pod: Pod, request: PodRequest, nodeName: string): void {
    const uid = pod.metadata.uid ?? '';
    this.#placed.set(uid, nodeName);
    this.#assumed.add(uid);
    this.#place(nodeName, uid, pod, request);
  }

  /** Takes an assumption back, where the bind failed and the API has not shown the pod on the node. */
  forget(uid: string): void {
    if (this.#assumed.has(uid)) this.removePod(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  #place(nodeName: string, uid: string, pod: Pod, request: PodRequest): void {
    const info = this.#nodes.get(nodeName);
    if (info !== undefined) {
      info.add(uid, { pod, request });
      return;
    }
    const waiting = this.#waiting.get(nodeName);
    if (waiting === undefined) this.#waiting.set(nodeName, new Map([[uid, pod]]));
    else waiting.set(uid, pod);
  }
}
