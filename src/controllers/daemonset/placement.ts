import type { DaemonSet } from '../../generated/api/apps/v1.ts';
import type { Affinity, Node, Pod, PodSpec, PodTemplateSpec, Taint, Toleration } from '../../generated/api/core/v1.ts';
import { matchesNode } from '../node-affinity.ts';
import { toleratesTaint } from '../taint-eviction/plan.ts';

export const HASH_LABEL = 'controller-revision-hash';
export const GENERATION_LABEL = 'pod-template-generation';
const GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';

const noExecute: readonly Toleration[] = ['not-ready', 'unreachable'].map((name) => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect: 'NoExecute',
}));
const noSchedule: readonly Toleration[] = ['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map(
  (name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect: 'NoSchedule' }),
);

/** Tolerations of daemon pods: they stay on sick nodes. Source: `daemonset_util.go` (AddOrUpdateDaemonPodTolerations). */
export function withDaemonTolerations(spec: PodSpec): Toleration[] {
  const network = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' };
  const added = [...noExecute, ...noSchedule, ...(spec.hostNetwork ? [network] : [])];
  const isReplaced = (each: Toleration): boolean =>
    added.some((one) => one.key === each.key && one.effect === each.effect && (each.operator ?? '') === 'Exists');
  return [...(spec.tolerations ?? []).filter((each) => !isReplaced(each)), ...added];
}

/** Whether a daemon pod should start on a node, and whether one that is there may stay. */
export function planPlacement(daemonSet: DaemonSet, node: Node): { readonly run: boolean; readonly stay: boolean } {
  const spec: PodSpec = daemonSet.spec.template.spec ?? { containers: [] };
  const never = { run: false, stay: false };
  if (spec.nodeName && spec.nodeName !== node.metadata.name) return never;
  if (!matchesNode(spec, node)) return never;
  const tolerations = withDaemonTolerations(spec);
  const isIntolerable = (taint: Taint): boolean => !tolerations.some((each) => toleratesTaint(each, taint));
  const bad = (node.spec?.taints ?? []).filter(isIntolerable);
  return {
    run: !bad.some((taint) => taint.effect === 'NoExecute' || taint.effect === 'NoSchedule'),
    stay: !bad.some((taint) => taint.effect === 'NoExecute'),
  };
}

/** The pod template for one node: the scheduler binds it there by an affinity to the node's name. */
export function templateFor(daemonSet: DaemonSet, nodeName: string, hash: string): PodTemplateSpec {
  const { template } = daemonSet.spec;
  const spec: PodSpec = template.spec ?? { containers: [] };
  const generation = templateGenerationOf(daemonSet);
  const labels = {
    ...template.metadata?.labels,
    ...(generation === undefined ? {} : { [GENERATION_LABEL]: generation }),
    [HASH_LABEL]: hash,
  };
  return {
    ...template,
    metadata: { ...template.metadata, labels },
    spec: { ...spec, affinity: bindTo(spec.affinity, nodeName), tolerations: withDaemonTolerations(spec) },
  };
}

/** Source: `daemonset_util.go` (ReplaceDaemonSetPodNodeNameNodeAffinity). */
function bindTo(affinity: Affinity | undefined, nodeName: string): Affinity {
  const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
    },
  };
}

/** The node that a daemon pod is on or bound for. */
export function targetNodeOf(pod: Pod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const term of required?.nodeSelectorTerms ?? []) {
    const field = term.matchFields?.find((each) => each.key === 'metadata.name' && each.operator === 'In');
    if (field?.values?.length === 1) return field.values[0];
  }
  return undefined;
}

/** Whether a pod is of the current template. */
export function isUpdated(daemonSet: DaemonSet, pod: Pod, hash: string): boolean {
  const generation = templateGenerationOf(daemonSet);
  const labels = pod.metadata.labels ?? {};
  return labels[HASH_LABEL] === hash || (generation !== undefined && labels[GENERATION_LABEL] === generation);
}

function templateGenerationOf(daemonSet: DaemonSet): string | undefined {
  const value = daemonSet.metadata.annotations?.[GENERATION_ANNOTATION];
  return value !== undefined && /^\d+$/.test(value) ? value : undefined;
}
