import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Namespace, ServiceAccount } from '../../generated/api/core/v1.ts';
import { namespaces, serviceaccounts } from '../../generated/resource-types.ts';
import { isAlreadyExists } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';

/** Keeps the service account `default` in every living namespace. */
class ServiceAccountController implements Reconciler {
  readonly #client: Client;
  readonly #namespaces: Informer<Namespace>;
  readonly #accounts: Informer<ServiceAccount>;

  constructor(client: Client, namespaceInformer: Informer<Namespace>, accounts: Informer<ServiceAccount>) {
    this.#client = client;
    this.#namespaces = namespaceInformer;
    this.#accounts = accounts;
  }

  async reconcile(name: string): Promise<Result> {
    const namespace = this.#namespaces.get(name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return done;
    if (namespace.status?.phase === 'Terminating') return done;
    if (this.#accounts.get(`${name}/default`) !== undefined) return done;
    try {
      await this.#client.create(serviceaccounts, { metadata: { name: 'default', namespace: name } });
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
    }
    return done;
  }
}

export function runServiceAccountController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const namespaceInformer = informers.for(namespaces);
  const accounts = informers.for(serviceaccounts);
  const client = clientFor(controllerUser('service-account-controller'));
  const sources = [
    onChange(namespaceInformer, ({ type, object }) => (type === 'deleted' ? [] : [object.metadata.name ?? ''])),
    onChange(accounts, ({ type, object }) =>
      type === 'deleted' && object.metadata.name === 'default' ? [object.metadata.namespace ?? ''] : [],
    ),
  ];
  const reconciler = new ServiceAccountController(client, namespaceInformer, accounts);
  return runController({ name: 'serviceaccount', reconciler, sources, workers: 5, clock, logger, metrics }, signal);
}
