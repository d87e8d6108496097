import type { AuthorizationAttributes, Authorizer, User, Verdict } from '../call.ts';
import { isInGroup } from '../call.ts';
import { NodeAuthorizer } from './node.ts';
import { NodeRelations } from './node-relations.ts';
import type { ObjectFeed } from './object-feed.ts';
import { RbacAuthorizer } from './rbac.ts';
import { RbacIndex } from './rbac-reader.ts';

/** Told which of the configured authorizers has decided, and how. */
export type OnDecision = (type: string, verdict: 'allow' | 'deny') => void;

function isTyped(link: Authorizer | readonly [string, Authorizer]): link is readonly [string, Authorizer] {
  return Array.isArray(link);
}

/** Asks in turn; the first opinion counts. Reasons of those without one are joined, as upstream's union does. */
class ChainAuthorizer implements Authorizer {
  readonly #links: readonly Authorizer[];
  readonly #types: ReadonlyMap<Authorizer, string>;
  readonly #onDecision: OnDecision | undefined;

  constructor(
    links: readonly (Authorizer | readonly [type: string, authorizer: Authorizer])[],
    onDecision?: OnDecision,
  ) {
    this.#links = links.map((link) => (isTyped(link) ? link[1] : link));
    this.#types = new Map(links.filter(isTyped).map(([type, link]) => [link, type]));
    this.#onDecision = onDecision;
  }

  async authorize(user: User, attributes: AuthorizationAttributes, signal: AbortSignal): Promise<Verdict> {
    const reasons: string[] = [];
    for (const link of this.#links) {
      const verdict = await link.authorize(user, attributes, signal);
      if (verdict.verdict !== 'no-opinion') {
        const type = this.#onDecision && this.#types.get(link);
        if (type !== undefined) this.#onDecision?.(type, verdict.verdict);
        return verdict;
      }
      if (verdict.reason !== '') reasons.push(verdict.reason);
    }
    return { verdict: 'no-opinion', reason: reasons.join('\n') };
  }

  async rulesFor(user: User, namespace: string): ReturnType<NonNullable<Authorizer['rulesFor']>> {
    const parts = await Promise.all(this.#links.map((link) => link.rulesFor?.(user, namespace)));
    const known = parts.filter((part) => part !== undefined);
    const errors = known.map((part) => part.evaluationError).filter((error) => error !== undefined);
    return {
      resourceRules: known.flatMap((part) => part.resourceRules),
      nonResourceRules: known.flatMap((part) => part.nonResourceRules),
      incomplete: known.some((part) => part.incomplete),
      ...(errors.length === 0 ? {} : { evaluationError: errors.length === 1 ? errors[0] : `[${errors.join(', ')}]` }),
    };
  }
}

/**
 * `system:masters` may do everything, whatever the roles say: a broken policy must not lock the cluster's owner out. It
 * tells no rules, as upstream's: a role for them does. Source: `pkg/kubeapiserver/authorizer/reload.go`.
 */
const mastersAuthorizer: Authorizer = {
  async authorize(user) {
    return { verdict: isInGroup(user, 'system:masters') ? 'allow' : 'no-opinion', reason: '' };
  },
};

/** The authorizers of a server: masters, nodes, roles. */
export interface Authorization {
  readonly authorizer: Authorizer;
  /** For escalation checks. */
  readonly rbac: RbacAuthorizer;
  close(): void;
}

/** Builds `Node,RBAC` authorization over the objects that the feed tells of; resolves once they are known. */
export async function createAuthorization(feed: ObjectFeed, onDecision?: OnDecision): Promise<Authorization> {
  const index = new RbacIndex();
  const relations = new NodeRelations();
  const [roles, nodes] = await Promise.all([index.start(feed), relations.start(feed)]);
  const rbac = new RbacAuthorizer(index);
  return {
    authorizer: new ChainAuthorizer(
      [mastersAuthorizer, ['Node', new NodeAuthorizer(relations)], ['RBAC', rbac]],
      onDecision,
    ),
    rbac,
    close: () => {
      roles.close();
      nodes.close();
    },
  };
}
