import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Secret } from '../../generated/api/core/v1.ts';
import { secrets, services } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, parseKeyText, toKeyText } from '../../machinery/object/object.ts';
import { JOIN_TOKEN, JOIN_TOKEN_LABEL } from '../../pki/join-limits.ts';
import { type ControllerMetrics, runController } from '../../reconcile/controller.ts';
import type { Reconciler, Result } from '../../reconcile/reconciler.ts';
import { onChange, ownerOf, untilSynced } from '../../reconcile/sources.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { joinTokens } from '../api/join-token.ts';
import { type VirtualCluster, virtualClusters } from '../api/virtual-cluster.ts';
import type { HostInformers } from '../host-cache.ts';
import { namesOf } from '../observed.ts';
import { type JoinTokenDeps, JoinTokenReconciler } from './reconciler.ts';

const SWEEP_PAUSE_MS = 200;

/** Keeps join tokens until aborted, and makes tenants forget those that are gone. */
export async function runJoinTokens(
  deps: Omit<JoinTokenDeps, 'cache' | 'event'> & { readonly logger: Logger },
  host: HostInformers,
  { events, metrics }: { readonly events: EventRecorder; readonly metrics: ControllerMetrics | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = deps;
  const reconciler = new JoinTokenReconciler({
    ...deps,
    cache: host.cache,
    event: (about, type, reason, message) => events.event(referenceTo(joinTokens, about), type, reason, message),
  });
  const tokensOf = (cluster: VirtualCluster): string[] =>
    host.cache.joinTokensOf(cluster).map((token) => toKeyText(keyOf(token)));
  const sources = [
    ...host.joinTokens.map((informer) => onChange(informer)),
    ...host.secrets.map((informer) => onChange(informer, ownerOf<Secret>(joinTokens))),
    ...host.clusters.map((informer) =>
      onChange(informer, ({ object, previous }) => (stateOf(object) === stateOf(previous) ? [] : tokensOf(object))),
    ),
  ];
  const sweeper = new Sweeper(deps, host);
  // Whenever a tenant turns ready: it may have been away, or come from a backup, while tokens went.
  let foundReady = 0;
  const readied = host.clusters.map((informer) =>
    onChange(informer, ({ type, object, previous }) => {
      const turned = object.status?.phase === 'Ready' && previous?.status?.phase !== 'Ready';
      if (type === 'deleted' || !turned) return [];
      // Those that are found ready at the start, hundreds perhaps, are asked one after the other.
      return [[toKeyText(keyOf(object)), type === 'added' ? foundReady++ * SWEEP_PAUSE_MS : 0]];
    }),
  );
  const waits = [...host.joinTokens, ...host.owned].map((informer) => untilSynced(informer as Informer<KubeObject>));
  await Promise.all([
    runController(
      { name: 'jointoken', reconciler, sources: [...sources, ...waits], workers: 2, clock, logger, metrics },
      signal,
    ),
    runController(
      {
        name: 'jointoken-sweep',
        reconciler: sweeper,
        sources: [...readied, ...waits],
        workers: 1,
        clock,
        logger,
        metrics,
      },
      signal,
    ),
  ]);
}

/** What of a tenant matters to its tokens: whether it answers, who joined, and what stands in its token's Secret. */
function stateOf(cluster: VirtualCluster | undefined): string {
  const { phase, nodes, endpoint, caCertHash } = cluster?.status ?? {};
  return JSON.stringify([phase, nodes?.total, endpoint, caCertHash, cluster?.metadata.deletionTimestamp]);
}

/** Takes bootstrap tokens out of a tenant whose JoinTokens are gone from the host. */
class Sweeper implements Reconciler {
  readonly #deps: Pick<JoinTokenDeps, 'tenants'>;
  readonly #host: HostInformers;

  constructor(deps: Pick<JoinTokenDeps, 'tenants'>, host: HostInformers) {
    this.#deps = deps;
    this.#host = host;
  }

  async reconcile(keyText: string, signal: AbortSignal): Promise<Result> {
    const { cache } = this.#host;
    const key = parseKeyText(keyText);
    const cluster = cache.get(virtualClusters, key);
    if (cluster?.status?.phase !== 'Ready') return {};
    const { namespace } = key;
    const names = namesOf(cluster);
    const kubeconfigSecret = cache.get(secrets, { namespace, name: names.kubeconfig });
    const service = cache.get(services, { namespace, name: names.server });
    const tenant = this.#deps.tenants.clientOf({ cluster, kubeconfigSecret, service });
    if (tenant === undefined) return {};
    const { items } = await tenant.list(secrets, {
      namespace: 'kube-system',
      labelSelector: JOIN_TOKEN_LABEL,
      signal,
    });
    for (const secret of items) {
      const [ownNamespace, name = ''] = (secret.metadata.annotations?.[JOIN_TOKEN] ?? '').split('/');
      const token: KubeObject | undefined = cache.get(joinTokens, { namespace, name });
      // A tenant that was made from a backup of another one holds tokens of that one.
      if (ownNamespace === namespace && token !== undefined && belongs(token, cluster, secret)) continue;
      await tenant
        .delete(secrets, keyOf(secret), { signal })
        .catch((error) => (isNotFound(error) ? undefined : Promise.reject(error)));
    }
    return {};
  }
}

function belongs(token: KubeObject, cluster: VirtualCluster, secret: Secret): boolean {
  const { spec, status } = token as { spec?: { virtualClusterName?: string }; status?: { tokenID?: string } };
  const id = secret.metadata.name?.slice('bootstrap-token-'.length);
  return spec?.virtualClusterName === cluster.metadata.name && (status?.tokenID === undefined || status.tokenID === id);
}
