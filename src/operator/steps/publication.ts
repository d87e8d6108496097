import { ingresses } from '../../generated/resource-types.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { portOf } from '../addresses.ts';
import { tlsRoutes } from '../gateway-routes.ts';
import { labelsOf, namesOf, type Observed } from '../observed.ts';
import type { Step, Unwanted, Wanted } from './step.ts';

/** Annotations by which ingress controllers pass connections on as they are. */
const PASS_THROUGH = {
  'nginx.ingress.kubernetes.io/ssl-passthrough': 'true',
  'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS',
  'haproxy.org/ssl-passthrough': 'true',
  'haproxy-ingress.github.io/ssl-passthrough': 'true',
};

/**
 * Leads users to the API by a name, through an Ingress or a Gateway that passes TLS on unopened and chooses by the name
 * that clients ask for (SNI). Machines come the way of `exposure.type`: agents ask for no name.
 */
export const publicationStep: Step = {
  name: 'publication',
  condition: 'KubeconfigReady',
  plan(observed) {
    const { cluster, spec, service, ingress, tlsRoute } = observed;
    const port = portOf(service);
    const objects: Wanted[] = [];
    const unwanted: Unwanted[] = [];
    const key = { namespace: cluster.metadata.namespace, name: namesOf(cluster).server };
    if (spec.exposure.ingress !== undefined && port !== undefined)
      objects.push({ type: ingresses, object: toIngress(observed, spec.exposure.ingress, port) });
    else if (ingress !== undefined) unwanted.push({ type: ingresses, key });
    const { routeVersion } = observed;
    if (routeVersion === undefined) return { kind: 'want', objects, unwanted };
    const type = tlsRoutes(routeVersion);
    if (spec.exposure.gateway !== undefined && port !== undefined)
      objects.push({ type, object: toRoute(observed, spec.exposure.gateway, { port, version: routeVersion }) });
    else if (tlsRoute !== undefined) unwanted.push({ type, key });
    return { kind: 'want', objects, unwanted };
  },
};

type Exposure = Observed['spec']['exposure'];

function toIngress(
  { cluster }: Observed,
  { host, className, annotations }: NonNullable<Exposure['ingress']>,
  port: number,
): AnyObject {
  const { server: name } = namesOf(cluster);
  const backend = { service: { name, port: { number: port } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name,
      namespace: cluster.metadata.namespace,
      labels: labelsOf(cluster),
      annotations: { ...PASS_THROUGH, ...annotations },
    },
    spec: {
      ...(className === undefined ? {} : { ingressClassName: className }),
      tls: [{ hosts: [host] }],
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  };
}

function toRoute(
  { cluster }: Observed,
  { host, parentRefs }: NonNullable<Exposure['gateway']>,
  { port, version }: { port: number; version: string },
): AnyObject {
  const { server: name } = namesOf(cluster);
  return {
    apiVersion: `gateway.networking.k8s.io/${version}`,
    kind: 'TLSRoute',
    metadata: { name, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
    spec: { parentRefs, hostnames: [host], rules: [{ backendRefs: [{ name, port }] }] },
  };
}
