import type { Pod } from '../../generated/api/core/v1.ts';
import { type PodInfo, priorityOf, toPodInfo, uidOf } from '../cache/pod-info.ts';

/** Pods that were promised room on a node and wait for it to become free. */
export class Nominator {
  readonly #byNode = new Map<string, Map<string, PodInfo>>();
  readonly #nodes = new Map<string, string>();

  /** Notes a promise; an empty name takes it back. */
  set(pod: Pod, nodeName: string): void {
    const uid = uidOf(pod);
    this.remove(uid);
    if (nodeName === '') return;
    this.#nodes.set(uid, nodeName);
    const infos = this.#byNode.get(nodeName);
    if (infos === undefined) this.#byNode.set(nodeName, new Map([[uid, toPodInfo(pod)]]));
    else infos.set(uid, toPodInfo(pod));
  }

  remove(uid: string): void {
    const nodeName = this.#nodes.get(uid);
    if (nodeName === undefined) return;
    this.#nodes.delete(uid);
    const infos = this.#byNode.get(nodeName);
    infos?.delete(uid);
    if (infos?.size === 0) this.#byNode.delete(nodeName);
  }

  nodeOf(uid: string): string {
    return this.#nodes.get(uid) ?? '';
  }

  /** Those of at least the pod's priority, itself left out: their room is not to be had. */
  rivals(nodeName: string, { pod }: PodInfo): readonly PodInfo[] {
    const infos = this.#byNode.get(nodeName);
    if (infos === undefined) return [];
    const uid = uidOf(pod);
    return [...infos.values()].filter((each) => uidOf(each.pod) !== uid && priorityOf(each.pod) >= priorityOf(pod));
  }

  /** Those of a lower priority: they lose their promise to the pod. */
  inferiors(nodeName: string, pod: Pod): readonly Pod[] {
    const pods = [...(this.#byNode.get(nodeName)?.values() ?? [])].map((info) => info.pod);
    return pods.filter((each) => priorityOf(each) < priorityOf(pod));
  }
}
