import type { PolicyRule, RoleRef } from '../../generated/api/rbac/v1.ts';
import { notFound, type StatusError } from '../../machinery/errors/status-error.ts';
import type { AuthorizationAttributes, Authorizer, User, Verdict } from '../call.ts';
import { ruleAllows } from './policy-rule.ts';
import { type Binding, type RbacReader, subjectFor } from './rbac-reader.ts';

const group = 'rbac.authorization.k8s.io';

interface Grant {
  readonly binding: Binding;
  readonly namespace: string;
  readonly rules: readonly PolicyRule[];
}

/** Decides by roles and bindings, from memory and without waiting. Source: `plugin/pkg/auth/authorizer/rbac/rbac.go`. */
export class RbacAuthorizer implements Authorizer {
  readonly #reader: RbacReader;

  constructor(reader: RbacReader) {
    this.#reader = reader;
  }

  async authorize(user: User, attributes: AuthorizationAttributes): Promise<Verdict> {
    return this.decide(user, attributes);
  }

  /** {@link authorize} without a promise. */
  decide(user: User, attributes: AuthorizationAttributes): Verdict {
    const faults: StatusError[] = [];
    for (const grant of this.#grantsOf(user, attributes.namespace, faults)) {
      if (!grant.rules.some((rule) => ruleAllows(rule, attributes))) continue;
      return { verdict: 'allow', reason: `RBAC: allowed by ${describeGrant(user, grant)}` };
    }
    const reason = faults.length === 0 ? '' : `RBAC: ${aggregate(faults)}`;
    return { verdict: 'no-opinion', reason };
  }

  /** Every rule that holds for the user, cluster-wide and in the namespace. Broken bindings are left out. */
  rules(user: User, namespace: string): { rules: readonly PolicyRule[]; faults: readonly StatusError[] } {
    const faults: StatusError[] = [];
    const seen = new Set<Binding>();
    const rules: PolicyRule[] = [];
    for (const grant of this.#grantsOf(user, namespace, faults)) {
      if (seen.has(grant.binding)) continue;
      seen.add(grant.binding);
      rules.push(...grant.rules);
    }
    return { rules, faults };
  }

  async rulesFor(user: User, namespace: string): ReturnType<NonNullable<Authorizer['rulesFor']>> {
    const { rules, faults } = this.rules(user, namespace);
    return {
      resourceRules: rules
        .filter((rule) => (rule.resources ?? []).length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs: verbs ?? [],
          apiGroups,
          resources,
          resourceNames,
        })),
      nonResourceRules: rules
        .filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs: verbs ?? [], nonResourceURLs })),
      incomplete: false,
      ...(faults.length === 0 ? {} : { evaluationError: aggregate(faults) }),
    };
  }

  /** The rules behind a role reference. @throws StatusError 404 where the role is missing (kinds in the singular, as upstream's listers). */
  rulesOf(reference: RoleRef, namespace: string): readonly PolicyRule[] {
    const { kind, name } = reference;
    if (kind === 'Role') {
      const role = this.#reader.role(namespace, name);
      if (role === undefined) throw notFound({ group, resource: 'role' }, name);
      return role.rules ?? [];
    }
    if (kind !== 'ClusterRole') throw new Error(`unsupported role reference kind: ${JSON.stringify(kind ?? '')}`);
    const role = this.#reader.clusterRole(name);
    if (role === undefined) throw notFound({ group, resource: 'clusterrole' }, name);
    return role.rules ?? [];
  }

  *#grantsOf(user: User, namespace: string, faults: StatusError[]): Iterable<Grant> {
    for (const binding of this.#reader.clusterRoleBindingsOf(user)) {
      const rules = this.#rulesOrFault(binding.roleRef, '', faults);
      if (rules !== undefined) yield { binding, namespace: '', rules };
    }
    if (namespace === '') return;
    for (const binding of this.#reader.roleBindingsOf(user, namespace)) {
      const rules = this.#rulesOrFault(binding.roleRef, namespace, faults);
      if (rules !== undefined) yield { binding, namespace, rules };
    }
  }

  #rulesOrFault(reference: RoleRef, namespace: string, faults: StatusError[]): readonly PolicyRule[] | undefined {
    try {
      return this.rulesOf(reference, namespace);
    } catch (error) {
      faults.push(error as StatusError);
      return undefined;
    }
  }
}

function describeGrant(user: User, { binding, namespace }: Grant): string {
  const { kind, name } = binding.roleRef;
  const subject = subjectFor(user, binding, namespace);
  const account = subject?.kind === 'ServiceAccount';
  const who = account ? `${subject.name}/${subject.namespace || namespace}` : (subject?.name ?? '');
  const bound = binding.metadata?.name ?? '';
  const title = namespace === '' ? `ClusterRoleBinding "${bound}"` : `RoleBinding "${bound}/${namespace}"`;
  return `${title} of ${kind} "${name}" to ${subject?.kind ?? ''} "${who}"`;
}

/** Source: apimachinery `util/errors` (Aggregate): one message alone, several in brackets. */
function aggregate(faults: readonly Error[]): string {
  const texts = [...new Set(faults.map((fault) => fault.message))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}
