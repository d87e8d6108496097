import type { ClusterRole, PolicyRule, Role, RoleRef } from '../../generated/api/rbac/v1.ts';
import { badRequest, forbidden, isNotFound, notFound } from '../../machinery/errors/status-error.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import type { AuthorizationAttributes, Authorizer, User } from '../call.ts';
import { isInGroup } from '../call.ts';
import { isSame } from '../registry/equality.ts';
import { describeRules, quoteList, uncoveredRules } from './policy-rule.ts';
import type { RbacAuthorizer } from './rbac.ts';

const group = 'rbac.authorization.k8s.io';

/** A write of a role or a binding that is about to be stored. */
export interface RbacWrite {
  readonly user: User;
  /** `roles`, `clusterroles`, `rolebindings` or `clusterrolebindings`. */
  readonly resource: string;
  /** Empty for the cluster-wide kinds. */
  readonly namespace: string;
  /** Name in the request's path; empty for a creation. */
  readonly name: string;
  readonly object: KubeObject;
  /** Absent for a creation. */
  readonly previous?: KubeObject | undefined;
}

const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/**
 * Keeps everybody from granting what they do not hold. Who may `escalate` a role or `bind` one is let through.
 * @throws StatusError 403 with the missing rules; 404 where a binding names a role that is missing.
 * Source: `pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased/storage.go`.
 */
export async function checkEscalation(
  write: RbacWrite,
  rbac: RbacAuthorizer,
  authorizer: Authorizer,
  signal: AbortSignal,
): Promise<void> {
  if (isInGroup(write.user, 'system:masters')) return;
  // The garbage collector may take out owners and finalizers of roles that it could not grant.
  if (write.previous !== undefined && isCollecting(write.object, write.previous)) return;
  if (write.resource === 'roles' || write.resource === 'clusterroles') {
    const { resource, namespace, name } = write;
    if (await allows(authorizer, write.user, { verb: 'escalate', resource, namespace, name }, signal)) return;
    checkRole(write, rbac);
    return;
  }
  const { roleRef } = write.object as KubeObject & { roleRef: RoleRef };
  const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : roleRef.kind === 'Role' ? 'roles' : undefined;
  if (resource !== undefined) {
    const bind = { verb: 'bind', resource, namespace: write.namespace, name: roleRef.name };
    if (await allows(authorizer, write.user, bind, signal)) return;
  }
  demand(write, rbac, referencedRules(write, roleRef, rbac));
}

/** Upstream reports a missing role as if it were a binding. */
function referencedRules(write: RbacWrite, roleRef: RoleRef, rbac: RbacAuthorizer): readonly PolicyRule[] {
  try {
    return rbac.rulesOf(roleRef, write.namespace);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    if (!roleRef.name) throw badRequest('Name parameter required.');
    throw notFound({ group, resource: write.resource }, roleRef.name, { cause: error });
  }
}

function checkRole(write: RbacWrite, rbac: RbacAuthorizer): void {
  demand(write, rbac, (write.object as Role & KubeObject).rules ?? []);
  if (write.resource !== 'clusterroles') return;
  const aggregates = [write.object, write.previous].some((role) => {
    return ((role as ClusterRole | undefined)?.aggregationRule?.clusterRoleSelectors ?? []).length > 0;
  });
  if (!aggregates || uncoveredRules(rbac.rules(write.user, write.namespace).rules, everything).length === 0) return;
  throw refuse(write, 'must have cluster-admin privileges to use the aggregationRule');
}

function demand(write: RbacWrite, rbac: RbacAuthorizer, wanted: readonly PolicyRule[]): void {
  const { user } = write;
  const { rules, faults } = rbac.rules(user, write.namespace);
  const missing = uncoveredRules(rules, wanted);
  if (missing.length === 0) return;
  const who = `user ${JSON.stringify(user.name)} (groups=${quoteList(user.groups)})`;
  const what = `is attempting to grant RBAC permissions not currently held:\n${describeRules(missing).join('\n')}`;
  const broken = faults.map((fault) => fault.message);
  const tail = broken.length === 0 ? '' : `; resolution errors: [${broken.join(' ')}]`;
  throw refuse(write, `${who} ${what}${tail}`);
}

function refuse(write: RbacWrite, why: string): Error {
  return forbidden({ group, resource: write.resource }, write.object.metadata.name ?? '', why);
}

async function allows(
  authorizer: Authorizer,
  user: User,
  wanted: { verb: string; resource: string; namespace: string; name: string },
  signal: AbortSignal,
): Promise<boolean> {
  const attributes: AuthorizationAttributes = {
    isResourceRequest: true,
    path: '',
    group,
    version: '*',
    subresource: '',
    ...wanted,
  };
  return (await authorizer.authorize(user, attributes, signal)).verdict === 'allow';
}

function isCollecting(next: KubeObject, previous: KubeObject): boolean {
  return isSame(withoutOwners(next), withoutOwners(previous));
}

function withoutOwners(object: KubeObject): unknown {
  const { ownerReferences: _owners, finalizers: _finalizers, managedFields: _fields, ...metadata } = object.metadata;
  return { ...object, metadata };
}
