import { mutatingwebhookconfigurations, validatingwebhookconfigurations } from '../../generated/resource-types.ts';
import type { GroupVersionKind } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AdmissionAttempt, AdmissionPlugin, MutationRound } from '../admission/admission.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';
import type { Authorizer } from '../call.ts';
import type { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog } from '../served-resources.ts';
import type { WorkloadNetwork } from '../workloads/workload-network.ts';
import { ConfiguredWebhooks } from './configured-webhooks.ts';
import type { WebhookDispatchers } from './webhook-dispatchers.ts';

export interface WebhookOptions {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  readonly catalog: ResourceCatalog;
  network(): Promise<WorkloadNetwork>;
  /** Asked by conditions. */
  readonly authorizer: Pick<Authorizer, 'authorize'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: nobody counts. */
  readonly metrics?: AdmissionMetrics | undefined;
}

type Open = () => Promise<WebhookDispatchers>;

/**
 * The plugins that ask admission webhooks; policies stand between the two. What asks them is loaded when there is one:
 * until then they cost a look at an empty list.
 */
export function createWebhooks(options: WebhookOptions): {
  readonly mutating: AdmissionPlugin;
  readonly validating: AdmissionPlugin;
  close(): void;
} {
  let opened: Promise<WebhookDispatchers> | undefined;
  const open: Open = () => {
    opened ??= import('./webhook-dispatchers.ts').then(({ openDispatchers }) => openDispatchers(options));
    return opened;
  };
  return {
    mutating: new MutatingPlugin(options.feed, open),
    validating: new ValidatingPlugin(options.feed, open),
    close: () => void opened?.then((dispatchers) => dispatchers.close()).catch(() => {}),
  };
}

class MutatingPlugin implements AdmissionPlugin {
  readonly name = 'MutatingAdmissionWebhook';
  readonly operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;
  readonly #configured: ConfiguredWebhooks;
  readonly #open: Open;

  constructor(feed: ObjectFeed, open: Open) {
    this.#configured = new ConfiguredWebhooks(feed, mutatingwebhookconfigurations);
    this.#open = open;
  }

  mutate(attempt: AdmissionAttempt, round: MutationRound): void | Promise<void> {
    const syncing = this.#configured.whenSynced();
    if (syncing !== undefined) return syncing.then(() => this.mutate(attempt, round));
    const { hooks } = this.#configured;
    if (hooks.length === 0 || isExempt(attempt.kind)) return;
    return this.#open().then(({ mutating }) => mutating.dispatch(attempt, round, hooks));
  }
}

class ValidatingPlugin implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionWebhook';
  readonly operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;
  readonly #configured: ConfiguredWebhooks;
  readonly #open: Open;

  constructor(feed: ObjectFeed, open: Open) {
    this.#configured = new ConfiguredWebhooks(feed, validatingwebhookconfigurations);
    this.#open = open;
  }

  validate(attempt: AdmissionAttempt): void | Promise<void> {
    const syncing = this.#configured.whenSynced();
    if (syncing !== undefined) return syncing.then(() => this.validate(attempt));
    const { hooks } = this.#configured;
    if (hooks.length === 0 || isExempt(attempt.kind)) return;
    return this.#open().then(({ validating }) => validating.dispatch(attempt, hooks));
  }
}

const exemptKinds = new Set([
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
]);

/** Nothing that is configured here may keep the configuration itself from being repaired. */
function isExempt({ group, kind }: GroupVersionKind): boolean {
  return group === 'admissionregistration.k8s.io' && exemptKinds.has(kind);
}
