import type { Client } from '../../../../client/client.ts';
import type { ResourceQuota } from '../../../../generated/api/core/v1.ts';
import { resourcequotas } from '../../../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../../../machinery/object/object.ts';
import type { Clock } from '../../../../std/clock.ts';
import type { ObjectFeed } from '../../../authz/object-feed.ts';
import type { AdmissionAttempt, AdmissionPlugin } from '../../admission.ts';
import { NamespaceIndex } from '../../namespace-index.ts';
import type { Reservations } from './reservations.ts';

export interface ResourceQuotaDeps {
  readonly feed: ObjectFeed;
  /** The server's own: quotas are written under its name. */
  readonly client: Client;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * Refuses what would exceed a quota of its namespace, and reserves what is let through. Must be the last plugin: what is
 * refused after it has been counted. Source: apiserver `pkg/admission/plugin/resourcequota/admission.go`.
 */
export function resourceQuota(deps: ResourceQuotaDeps): AdmissionPlugin {
  const quotas = new NamespaceIndex(deps.feed, resourcequotas as ResourceType<ResourceQuota & KubeObject>);
  let reservations: Reservations | undefined;
  return {
    name: 'ResourceQuota',
    operations: ['CREATE', 'UPDATE'],
    async validate(attempt) {
      if (attempt.namespace === '' || attempt.kind.kind === 'Namespace' || !mayCount(attempt)) return;
      if ((await quotas.list(attempt.namespace)).length === 0) return;
      // Most tenants have no quotas: what counts is loaded with the first.
      const [{ evaluatorFor }, { Reservations }] = await Promise.all([
        import('./evaluator-for.ts'),
        import('./reservations.ts'),
      ]);
      const evaluator = evaluatorFor(attempt);
      if (evaluator === undefined) return;
      reservations ??= new Reservations({ ...deps, quotasOf: (namespace) => quotas.list(namespace) });
      await reservations.reserve(attempt, evaluator);
    },
  };
}

/** Whether a request may take anything at all: creations, and the few updates that some kinds count. */
function mayCount({ operation, subresource }: AdmissionAttempt): boolean {
  if (operation === 'CREATE') return subresource === '';
  return subresource === '' || subresource === 'status' || subresource === 'resize';
}
