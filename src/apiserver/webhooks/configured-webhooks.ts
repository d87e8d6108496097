import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../generated/api/admissionregistration/v1.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { parseSelectorObject, type Requirements } from '../../machinery/values/selector-object.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';

export type AnyWebhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

/** A webhook of a configuration, its selectors read. */
export interface Hook {
  readonly webhook: AnyWebhook;
  readonly configuration: string;
  /** The same for as long as the configuration has the webhook. */
  readonly id: string;
  readonly namespaceSelector: Requirements;
  readonly objectSelector: Requirements;
}

type Configuration = (MutatingWebhookConfiguration | ValidatingWebhookConfiguration) & KubeObject;

/**
 * All webhooks of one kind of configurations, from memory: configurations by name, the webhooks of each in its own order.
 * Source: apiserver `admission/configuration/{mutating,validating}_webhook_manager.go`.
 */
export class ConfiguredWebhooks {
  readonly #byName = new Map<string, readonly Hook[]>();
  readonly #follow: () => Promise<unknown>;
  #hooks: readonly Hook[] = [];
  #synced: Promise<void> | undefined;
  #isSynced = false;

  /** Follows the kind from the first question on. */
  constructor(feed: ObjectFeed, type: ResourceType<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>) {
    this.#follow = () =>
      feed.follow(type as ResourceType<Configuration>, ({ change, object }) => {
        const { name = '' } = object.metadata;
        if (change === 'set') this.#byName.set(name, toHooks(object));
        else this.#byName.delete(name);
        this.#hooks = [...this.#byName.keys()].sort().flatMap((each) => this.#byName.get(each) ?? []);
      });
  }

  /** Undefined where {@link hooks} can be read; else resolves once they can. */
  whenSynced(): Promise<void> | undefined {
    if (this.#isSynced) return undefined;
    this.#synced ??= this.#sync();
    return this.#synced;
  }

  get hooks(): readonly Hook[] {
    return this.#hooks;
  }

  async #sync(): Promise<void> {
    try {
      await this.#follow();
      this.#isSynced = true;
    } catch (error) {
      this.#synced = undefined;
      throw error;
    }
  }
}

function toHooks({ metadata, webhooks = [] }: Configuration): readonly Hook[] {
  const { name: configuration = '' } = metadata;
  const seen = new Map<string, number>();
  return webhooks.map((webhook: AnyWebhook) => {
    const { name } = webhook;
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return {
      webhook,
      configuration,
      id: `${configuration}/${name}/${count}`,
      namespaceSelector: parseSelectorObject(webhook.namespaceSelector ?? {}),
      objectSelector: parseSelectorObject(webhook.objectSelector ?? {}),
    };
  });
}
