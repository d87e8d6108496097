import { EquivalentKinds } from './equivalent-kinds.ts';
import { type ConditionJudge, MatchConditions } from './match-conditions.ts';
import { MutatingWebhooks } from './mutating-webhooks.ts';
import { ValidatingWebhooks } from './validating-webhooks.ts';
import { WebhookCaller } from './webhook-caller.ts';
import type { WebhookOptions } from './webhooks.ts';

/** What both halves work with. */
export interface WebhookDeps extends Pick<WebhookOptions, 'reader' | 'logger' | 'clock' | 'metrics'> {
  readonly kinds: EquivalentKinds;
  readonly caller: WebhookCaller;
  readonly conditions: ConditionJudge;
}

export interface WebhookDispatchers {
  readonly mutating: MutatingWebhooks;
  readonly validating: ValidatingWebhooks;
  close(): void;
}

/** Everything that is needed once there is a webhook. */
export async function openDispatchers(options: WebhookOptions): Promise<WebhookDispatchers> {
  const { reader, logger, clock, catalog, authorizer } = options;
  const caller = new WebhookCaller({ network: await options.network(), clock });
  const deps: WebhookDeps = {
    reader,
    logger,
    clock,
    metrics: options.metrics,
    caller,
    kinds: new EquivalentKinds(catalog),
    conditions: new MatchConditions(authorizer),
  };
  return {
    mutating: new MutatingWebhooks(deps),
    validating: new ValidatingWebhooks(deps),
    close: () => caller.close(),
  };
}
