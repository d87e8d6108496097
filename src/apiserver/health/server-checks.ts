import type { HealthCheck, HealthOptions } from './health.ts';

/**
 * What upstream's server does as it starts, under the names by which probes ask for it. Here one start does it all, and
 * each is well once that is done. Source: the post-start hooks of kube-apiserver 1.36, in their order.
 */
const startHooks: readonly string[] = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'storage-object-count-tracker-hook',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'peer-endpoint-reconciler-controller',
  'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller',
  'start-kube-apiserver-identity-lease-garbage-collector',
  'storage-readiness',
  'start-legacy-token-tracking-controller',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'start-kubernetes-service-cidr-controller',
  'aggregator-reload-proxy-client-cert',
  'start-kube-aggregator-informers',
  'apiservice-status-local-available-controller',
  'apiservice-status-remote-available-controller',
  'apiservice-registration-controller',
  'apiservice-wait-for-first-sync',
  'apiservice-discovery-controller',
  'kube-apiserver-autoregistration',
];
const behindRegistration: readonly string[] = ['apiservice-openapi-controller', 'apiservice-openapiv3-controller'];

export interface ServerState {
  /** Whether all that a start does is done. */
  started(): boolean;
  /** Rejects where the datastore does not answer. */
  askDatastore(): Promise<unknown>;
}

/**
 * The checks of kube-apiserver by its names. The process is alive (`/livez`) without its datastore: to start it anew would
 * not bring that back.
 */
export function serverChecks({
  started,
  askDatastore,
}: ServerState): Pick<HealthOptions, 'healthz' | 'livez' | 'readyz'> {
  const whenStarted = (name: string): HealthCheck => ({
    name,
    check: () => {
      if (!started()) throw new Error('not finished');
    },
  });
  const works = (name: string): HealthCheck => ({ name, check: () => {} });
  const hooks = [
    ...startHooks.map((name) => whenStarted(`poststarthook/${name}`)),
    whenStarted('autoregister-completion'),
    ...behindRegistration.map((name) => whenStarted(`poststarthook/${name}`)),
  ];
  const datastore: HealthCheck = { name: 'etcd', check: async () => void (await askDatastore()) };
  const process = [works('log'), works('loopback-serving-certificate')];
  return {
    healthz: [...process, datastore, ...hooks],
    livez: [...process, works('etcd'), ...hooks.map(({ name }) => works(name))],
    readyz: [
      works('log'),
      datastore,
      { name: 'etcd-readiness', check: datastore.check },
      whenStarted('informer-sync'),
      ...hooks,
      works('shutdown'),
    ],
  };
}
