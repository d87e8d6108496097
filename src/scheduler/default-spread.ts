import type { Informer } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import type { ReplicaSet, StatefulSet } from '../generated/api/apps/v1.ts';
import type { Pod, ReplicationController, Service } from '../generated/api/core/v1.ts';
import { replicasets, replicationcontrollers, services, statefulsets } from '../generated/resource-types.ts';
import { parseSelectorObject, type Requirements } from '../machinery/values/selector-object.ts';

/**
 * Which pods belong together where nobody says how to spread them: those of the same services and of the same owner.
 *
 * Source: pkg/scheduler/framework/plugins/helper/spread.go (DefaultSelector).
 */
export class DefaultSpread {
  readonly #services: Informer<Service>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #statefulSets: Informer<StatefulSet>;
  readonly #replicationControllers: Informer<ReplicationController>;

  constructor(informers: Informers) {
    this.#services = informers.for(services);
    this.#replicaSets = informers.for(replicasets);
    this.#statefulSets = informers.for(statefulsets);
    this.#replicationControllers = informers.for(replicationcontrollers);
  }

  /** Undefined where the pod belongs to nothing. */
  selectorFor(pod: Pod): Requirements | undefined {
    const { namespace = '', labels = {}, ownerReferences } = pod.metadata;
    const matchLabels: Record<string, string> = {};
    for (const { spec } of this.#services.list(namespace)) {
      const selector = Object.entries(spec?.selector ?? {});
      if (selector.length > 0 && selector.every(([key, value]) => labels[key] === value))
        Object.assign(matchLabels, spec?.selector);
    }
    const owner = ownerReferences?.find(({ controller }) => controller);
    const key = `${namespace}/${owner?.name}`;
    const kind = owner === undefined ? '' : `${owner.apiVersion}/${owner.kind}`;
    if (kind === 'v1/ReplicationController')
      Object.assign(matchLabels, this.#replicationControllers.get(key)?.spec?.selector);
    const ownerObject =
      kind === 'apps/v1/ReplicaSet'
        ? this.#replicaSets.get(key)
        : kind === 'apps/v1/StatefulSet'
          ? this.#statefulSets.get(key)
          : undefined;
    const ofOwner = ownerObject === undefined ? [] : parseSelectorObject(ownerObject.spec?.selector);
    const requirements = [...parseSelectorObject({ matchLabels }), ...ofOwner];
    return requirements.length === 0 ? undefined : requirements;
  }
}
