import type { Container, Pod, Volume } from '../generated/api/core/v1.ts';

/** What a folder on this machine can stand for. */
const folders = new Set([
  'name',
  'secret',
  'configMap',
  'emptyDir',
  'persistentVolumeClaim',
  'projected',
  'downwardAPI',
  'hostPath',
]);

/**
 * Why this node does not run the pod, or undefined where it does. The node starts Warren's own image as a process, with
 * the files that it mounts in folders; it has no container runtime, so everything that needs one is refused.
 */
export function refusalOf(pod: Pod, image: string): string | undefined {
  const { spec } = pod;
  if (spec.initContainers?.length) return 'it has init containers, and this node runs plain processes';
  if (spec.hostPID || spec.hostIPC) return 'it shares host namespaces, which this node does not have';
  if (spec.runtimeClassName)
    return `it asks for the runtime class ${spec.runtimeClassName}, and this node has no container runtime`;
  for (const container of spec.containers ?? []) {
    const why = refusalOfContainer(container, image);
    if (why !== undefined) return why;
  }
  for (const volume of spec.volumes ?? []) {
    const kind = kindOf(volume);
    if (!folders.has(kind)) return `volume "${volume.name}" is of type ${kind}, which needs a container runtime`;
    if (kind === 'hostPath') return `volume "${volume.name}" is a hostPath, which this node gives to nobody`;
  }
  return undefined;
}

function refusalOfContainer(container: Container, image: string): string | undefined {
  const named = `container "${container.name}"`;
  if (container.image !== image) {
    return `${named} has the image "${container.image}", and this node can only run "${image}"; join a machine to a tenant for other images`;
  }
  if (container.command?.length) return `${named} has a command of its own, and this node runs the image's only`;
  if (container.securityContext?.privileged) return `${named} is privileged, and this node grants no privileges`;
  if (container.stdin || container.tty) return `${named} wants a terminal, which this node does not have`;
  if (container.lifecycle?.postStart || container.lifecycle?.preStop)
    return `${named} has lifecycle hooks, which this node does not run`;
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    if (probe !== undefined && (probe.exec !== undefined || probe.grpc !== undefined)) {
      return `${named} has an exec or gRPC probe, and this node knows httpGet and tcpSocket`;
    }
  }
  return undefined;
}

function kindOf(volume: Volume): string {
  return Object.keys(volume).find((key) => key !== 'name' && volume[key as keyof Volume] !== undefined) ?? 'emptyDir';
}
