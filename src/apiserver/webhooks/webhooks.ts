import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AdmissionPlugin } from '../admission/admission.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';
import type { Authorizer } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog } from '../served-resources.ts';
import type { WorkloadNetwork } from '../workloads/workload-network.ts';
import { EquivalentKinds } from './equivalent-kinds.ts';
import { type ConditionJudge, MatchConditions } from './match-conditions.ts';
import { MutatingWebhooks } from './mutating-webhooks.ts';
import { ValidatingWebhooks } from './validating-webhooks.ts';
import { WebhookCaller } from './webhook-caller.ts';

export interface WebhookOptions {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  readonly catalog: ResourceCatalog;
  readonly network: WorkloadNetwork;
  /** Asked by conditions. */
  readonly authorizer: Pick<Authorizer, 'authorize'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What both plugins work with. */
export interface WebhookDeps extends WebhookOptions {
  readonly kinds: EquivalentKinds;
  readonly caller: WebhookCaller;
  readonly conditions: ConditionJudge;
}

/** The plugins that ask admission webhooks; policies stand between the two. */
export function createWebhooks(options: WebhookOptions): {
  readonly mutating: AdmissionPlugin;
  readonly validating: AdmissionPlugin;
  close(): void;
} {
  const { network, clock } = options;
  const caller = new WebhookCaller({ network, clock });
  const deps: WebhookDeps = {
    ...options,
    caller,
    kinds: new EquivalentKinds(options.catalog),
    conditions: new MatchConditions(options.authorizer),
  };
  return {
    mutating: new MutatingWebhooks(deps),
    validating: new ValidatingWebhooks(deps),
    close: () => caller.close(),
  };
}
