import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { NodeInfo } from '../cache/node-info.ts';
import { toPodInfo } from '../cache/pod-info.ts';
import { toAmounts } from '../cache/pod-request.ts';
import { mayNeedDevices } from '../devices/device-door.ts';
import type { FilterPlugin, Snapshot } from '../framework/plugin.ts';
import { nodeAffinityFilter } from '../plugins/node-affinity.ts';
import { nodeResourcesFit } from '../plugins/node-resources.ts';
import { nodeUnschedulable } from '../plugins/node-unschedulable.ts';
import { taintToleration } from '../plugins/taint-toleration.ts';

type Aspect = 'labels' | 'taints' | 'allocatable' | 'features';

/** What of a node each plugin looks at. Source: EventsToRegister of `pkg/scheduler/framework/plugins`. */
const aspects: Readonly<Record<string, readonly Aspect[]>> = {
  NodeResourcesFit: ['allocatable'],
  NodeAffinity: ['labels'],
  TaintToleration: ['taints'],
  NodeUnschedulable: ['taints'],
  InterPodAffinity: ['labels'],
  PodTopologySpread: ['labels', 'taints'],
  VolumeBinding: ['labels'],
  VolumeZone: ['labels'],
  DynamicResources: ['labels', 'allocatable'],
  NodeDeclaredFeatures: ['features'],
  NodePorts: [],
  VolumeRestrictions: [],
  NodeVolumeLimits: [],
};

const aspectOf: Readonly<Record<Aspect, (node: Node) => unknown>> = {
  labels: ({ metadata }) => metadata.labels,
  taints: ({ spec }) => [spec?.taints, spec?.unschedulable],
  allocatable: ({ status }) => status?.allocatable,
  features: ({ status }) => status?.declaredFeatures,
};

/** Whether a node's change can matter to pods that wait; heartbeats do not. */
export function changesFit(node: Node, previous: Node): boolean {
  return Object.values(aspectOf).some((read) => JSON.stringify(read(node)) !== JSON.stringify(read(previous)));
}

/** What upstream calls the change of a node: by the first thing that is another. Source: eventhandlers.go. */
export function nodeEvent(node: Node, previous: Node): string {
  const differs = (aspect: Aspect): boolean =>
    JSON.stringify(aspectOf[aspect](node)) !== JSON.stringify(aspectOf[aspect](previous));
  if (node.spec?.unschedulable !== previous.spec?.unschedulable) return 'NodeUpdateNodeTaint';
  const first = Object.keys(eventNames).find((aspect) => differs(aspect as Aspect));
  return first === undefined ? 'NodeUpdate' : `NodeUpdate${eventNames[first as Aspect]}`;
}

const eventNames: Readonly<Record<Aspect, string>> = {
  allocatable: 'NodeAllocatable',
  labels: 'NodeLabel',
  taints: 'NodeTaint',
  features: 'NodeDeclaredFeature',
};

/** Plugins that turn a node down by itself: one that does so now is of no help, nor one that did not before. */
const alone: ReadonlyMap<string, FilterPlugin> = new Map(
  [nodeAffinityFilter(), taintToleration, nodeUnschedulable].map((plugin) => [plugin.name, plugin]),
);
const fit = nodeResourcesFit();
// What these plugins look at beside the node and the pod: nothing.
const nowhere = { nodes: [] } as unknown as Snapshot;

/**
 * Says of a new or changed node whether it may be what a pod waits for that a plugin turned down.
 *
 * Source: the queueing hints of `pkg/scheduler/framework/plugins` (isSchedulableAfterNodeChange).
 */
export function nodeHint(node: Node, previous: Node | undefined): (pod: Pod, plugin: string) => boolean {
  const changed = new Set<string>();
  for (const [name, read] of Object.entries(aspectOf))
    if (previous === undefined || JSON.stringify(read(node)) !== JSON.stringify(read(previous))) changed.add(name);
  return (pod, plugin) => {
    if (previous !== undefined && aspects[plugin]?.some((aspect) => changed.has(aspect)) === false) return false;
    const own = alone.get(plugin);
    if (own !== undefined) return accepts(own, pod, node) && (previous === undefined || !accepts(own, pod, previous));
    if (plugin !== fit.name || mayNeedDevices(pod)) return true;
    return accepts(fit, pod, node) && (previous === undefined || offersMore(pod, node, previous));
  };
}

function accepts(plugin: FilterPlugin, pod: Pod, node: Node): boolean {
  const prepared = plugin.prepare(toPodInfo(pod), nowhere);
  if (prepared === undefined) return true;
  return !('fits' in prepared) && prepared.filter(new NodeInfo(node)).fits;
}

function offersMore(pod: Pod, node: Node, previous: Node): boolean {
  const [now, before] = [node, previous].map(({ status }) => toAmounts(status?.allocatable));
  const wanted = ['pods', ...toPodInfo(pod).request.amounts.keys()];
  return wanted.some((name) => (now?.get(name) ?? 0) > (before?.get(name) ?? 0));
}
