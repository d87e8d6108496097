import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';

interface NamesPolicy extends KubeObject {
  readonly spec: { readonly policyName?: string | undefined };
}

/** A policy that is bound at least once. */
export interface PolicyHook<P, B> {
  readonly policy: P;
  /** By name. */
  readonly bindings: readonly B[];
}

/**
 * All policies of one kind that are bound, from memory and by name. Policies are followed from the first binding on.
 * Source: apiserver `admission/plugin/policy/generic/policy_source.go`.
 */
export class PolicySource<P extends KubeObject, B extends NamesPolicy> {
  readonly #feed: ObjectFeed;
  readonly #policyType: ResourceType<P>;
  readonly #bindingType: ResourceType<B>;
  readonly #policies = new Map<string, P>();
  readonly #bindings = new Map<string, B>();
  #hooks: readonly PolicyHook<P, B>[] | undefined;
  #syncing: Promise<void> | undefined;
  #hasBindings = false;
  #hasPolicies = false;

  constructor(feed: ObjectFeed, policies: ResourceType<P>, bindings: ResourceType<B>) {
    this.#feed = feed;
    this.#policyType = policies;
    this.#bindingType = bindings;
  }

  /** Undefined where {@link hooks} can be read; else resolves once one may ask again. */
  whenSynced(): Promise<void> | undefined {
    if (!this.#hasBindings) {
      this.#syncing ??= this.#sync(this.#bindingType, this.#bindings, () => {
        this.#hasBindings = true;
      });
      return this.#syncing;
    }
    if (this.#hasPolicies || this.#bindings.size === 0) return undefined;
    this.#syncing ??= this.#sync(this.#policyType, this.#policies, () => {
      this.#hasPolicies = true;
    });
    return this.#syncing;
  }

  get hooks(): readonly PolicyHook<P, B>[] {
    this.#hooks ??= this.#join();
    return this.#hooks;
  }

  async #sync<T extends KubeObject>(type: ResourceType<T>, objects: Map<string, T>, done: () => void): Promise<void> {
    try {
      await this.#feed.follow(type, ({ change, object }) => {
        const { name = '' } = object.metadata;
        if (change === 'set') objects.set(name, object);
        else objects.delete(name);
        this.#hooks = undefined;
      });
      done();
    } finally {
      this.#syncing = undefined;
    }
  }

  #join(): readonly PolicyHook<P, B>[] {
    if (this.#bindings.size === 0) return [];
    const names = [...this.#bindings.keys()].sort();
    const bindings = names.map((name) => this.#bindings.get(name) as B);
    const byPolicy = Map.groupBy(bindings, ({ spec }) => spec.policyName ?? '');
    return [...byPolicy.keys()].sort().flatMap((name) => {
      const policy = this.#policies.get(name);
      return policy === undefined ? [] : [{ policy, bindings: byPolicy.get(name) ?? [] }];
    });
  }
}
