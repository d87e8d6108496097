import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { ConfigMap, Namespace } from '../../generated/api/core/v1.ts';
import { configmaps, namespaces } from '../../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';

/** Source: `pkg/controller/certificates/rootcacertpublisher/publisher.go`. */
const NAME = 'kube-root-ca.crt';
const DESCRIPTION_KEY = 'kubernetes.io/description';
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.';

/** The config map with the cluster's root, or undefined where the one there is right already. */
export function planRootCa(current: ConfigMap | undefined, namespace: string, rootCa: string): ConfigMap | undefined {
  const data = { 'ca.crt': rootCa };
  const description = { [DESCRIPTION_KEY]: DESCRIPTION };
  if (current === undefined) return { metadata: { name: NAME, namespace, annotations: description }, data };
  const isRight =
    Object.keys(current.data ?? {}).length === 1 &&
    current.data?.['ca.crt'] === rootCa &&
    current.metadata.annotations?.[DESCRIPTION_KEY] !== undefined;
  if (isRight) return undefined;
  const annotations = { ...current.metadata.annotations, ...description };
  return { ...current, metadata: { ...current.metadata, annotations }, data };
}

/** Publishes the certificate that pods trust the API server by, in every namespace. */
class RootCaPublisher implements Reconciler {
  readonly #client: Client;
  readonly #rootCa: string;
  readonly #namespaces: Informer<Namespace>;
  readonly #configMaps: Informer<ConfigMap>;

  constructor(client: Client, rootCa: string, spaces: Informer<Namespace>, configMaps: Informer<ConfigMap>) {
    this.#client = client;
    this.#rootCa = rootCa;
    this.#namespaces = spaces;
    this.#configMaps = configMaps;
  }

  async reconcile(name: string): Promise<Result> {
    const namespace = this.#namespaces.get(name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return done;
    const current = this.#configMaps.get(`${name}/${NAME}`);
    const next = planRootCa(current, name, this.#rootCa);
    if (next === undefined) return done;
    try {
      await (current === undefined ? this.#client.create(configmaps, next) : this.#client.update(configmaps, next));
    } catch (error) {
      if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
    }
    return done;
  }
}

export function runRootCaPublisher(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  const spaces = informers.for(namespaces);
  // Only these: other config maps may be many and large.
  const configMaps = informers.for(configmaps, { fieldSelector: `metadata.name=${NAME}` });
  const client = clientFor(controllerUser('root-ca-cert-publisher'));
  const sources = [
    onChange(spaces, ({ type, object }) => (type === 'deleted' ? [] : [object.metadata.name ?? ''])),
    onChange(configMaps, ({ type, object }) => (type === 'added' ? [] : [object.metadata.namespace ?? ''])),
  ];
  const reconciler = new RootCaPublisher(client, config.rootCA, spaces, configMaps);
  return runController({ name: 'root-ca-cert-publisher', reconciler, sources, clock, logger, metrics }, signal);
}
