import type { Pod, Service, ServicePort } from '../../generated/api/core/v1.ts';
import { isPodEnded, isPodReady, isPodTerminating } from '../pods/pod-state.ts';
import { matchesLabels } from '../selector.ts';

/** A port of a service as one pod serves it. */
export interface ServedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol?: string | undefined;
}

/** Whether traffic may be sent to the pod at all. Source: `k8s.io/endpointslice/util` (ShouldPodBeInEndpoints). */
export function isEndpointPod(pod: Pod, options: { readonly terminatingToo: boolean }): boolean {
  if (isPodEnded(pod) || ipsOf(pod).length === 0) return false;
  return options.terminatingToo || !isPodTerminating(pod);
}

export function ipsOf(pod: Pod): string[] {
  const { podIP, podIPs } = pod.status ?? {};
  const ips = (podIPs ?? []).map((each) => each.ip ?? '').filter((ip) => ip !== '');
  return ips.length > 0 ? ips : podIP ? [podIP] : [];
}

/** Ports that the pod serves for the service; a named target that it lacks is left out. */
export function portsOf(service: Service, pod: Pod): ServedPort[] {
  const ports: ServedPort[] = [];
  for (const servicePort of service.spec?.ports ?? []) {
    const port = findPort(pod, servicePort);
    if (port === undefined) continue;
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    ports.push({ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return ports;
}

function findPort(pod: Pod, servicePort: ServicePort): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port;
  if (typeof target === 'number') return target === 0 ? servicePort.port : target;
  const sidecars = (pod.spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const found = container.ports?.find(
      (each) => each.name === target && (each.protocol ?? 'TCP') === (servicePort.protocol ?? 'TCP'),
    );
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** The name that DNS gives the pod below the service, if it has one. */
export function hostnameOf(service: Service, pod: Pod): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  return hostname && subdomain === service.metadata.name ? hostname : undefined;
}

export function selects(service: Service, pod: Pod): boolean {
  const { selector } = service.spec ?? {};
  return hasSelector(service) && matchesLabels(selector, pod.metadata.labels);
}

export function hasSelector(service: Service): boolean {
  return Object.keys(service.spec?.selector ?? {}).length > 0;
}

export function isHeadless(service: Service): boolean {
  const { clusterIP } = service.spec ?? {};
  return clusterIP === 'None' || !clusterIP;
}

/** All of a pod that its endpoints show, as a text to compare. */
export function endpointFingerprint(pod: Pod): string {
  const { hostname, subdomain, nodeName } = pod.spec ?? {};
  const state = [isPodReady(pod), isPodEnded(pod), isPodTerminating(pod)];
  return JSON.stringify([pod.metadata.uid, pod.metadata.labels, ipsOf(pod), state, hostname, subdomain, nodeName]);
}
