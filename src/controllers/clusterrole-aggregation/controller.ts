import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { ClusterRole, PolicyRule } from '../../generated/api/rbac/v1.ts';
import { clusterroles } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { toStableText } from '../safe-hash.ts';
import { matchesSelector } from '../selector.ts';

/** The rules of all roles that an aggregated role selects, by the roles' names, each rule once. */
export function planRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  const rules = new Map<string, PolicyRule>();
  const parts = all
    .filter((each) => each.metadata.name !== role.metadata.name)
    .filter((each) => selectors.some((selector) => matchesSelector(selector, each.metadata.labels)))
    .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  for (const rule of parts.flatMap((each) => each.rules ?? [])) {
    const text = toStableText(rule);
    if (!rules.has(text)) rules.set(text, rule);
  }
  return [...rules.values()];
}

/** Fills roles such as `admin` and `edit` from those that are labelled for them. */
class ClusterRoleAggregation implements Reconciler {
  readonly #client: Client;
  readonly #roles: Informer<ClusterRole>;

  constructor(client: Client, roles: Informer<ClusterRole>) {
    this.#client = client;
    this.#roles = roles;
  }

  async reconcile(name: string): Promise<Result> {
    const role = this.#roles.get(name);
    if (role?.aggregationRule === undefined || role.metadata.deletionTimestamp !== undefined) return done;
    const rules = planRules(role, this.#roles.list());
    if (toStableText(rules) === toStableText(role.rules ?? [])) return done;
    // Without rules the field is left out: applying gives up what was applied before.
    const wanted: ClusterRole = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name },
      ...(rules.length === 0 ? {} : { rules }),
    };
    try {
      await this.#client.patch(clusterroles, { name }, wanted, {
        type: 'apply',
        force: true,
        fieldManager: 'clusterrole-aggregation-controller',
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return done;
  }
}

export function runClusterRoleAggregation(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const roles = informers.for(clusterroles);
  const client = clientFor(controllerUser('clusterrole-aggregation-controller'));
  const aggregated = (): string[] =>
    roles
      .list()
      .filter((role) => role.aggregationRule !== undefined)
      .map((role) => role.metadata.name ?? '');
  const source = onChange(roles, ({ type, object, previous }) => {
    const sameRules = previous !== undefined && toStableText(previous.rules) === toStableText(object.rules);
    const sameLabels =
      previous !== undefined && toStableText(previous.metadata.labels) === toStableText(object.metadata.labels);
    const isOwnWrite = type === 'updated' && object.aggregationRule === undefined && sameRules && sameLabels;
    return isOwnWrite ? [] : aggregated();
  });
  const reconciler = new ClusterRoleAggregation(client, roles);
  return runController(
    { name: 'clusterrole-aggregation', reconciler, sources: [source], workers: 2, clock, logger, metrics },
    signal,
  );
}
