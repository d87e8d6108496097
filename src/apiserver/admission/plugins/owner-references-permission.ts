import type { OwnerReference } from '../../../generated/api/meta/v1.ts';
import { parseApiVersion } from '../../../machinery/object/object.ts';
import type { AuthorizationAttributes, Authorizer, Verdict } from '../../call.ts';
import { isSame } from '../../registry/equality.ts';
import type { ResourceCatalog } from '../../served-resources.ts';
import { type AdmissionAttempt, type AdmissionPlugin, refused } from '../admission.ts';

/** Off unless it is asked for, as upstream's. */
export interface OwnerReferencesDeps {
  readonly authorizer: Authorizer;
  readonly catalog: ResourceCatalog;
}

/**
 * Who gives an object owners must be able to delete it, and who blocks the deletion of an owner must be able to set that
 * one's finalizers. Source: `plugin/pkg/admission/gc`.
 */
export function ownerReferencesPermissionEnforcement(deps: OwnerReferencesDeps): AdmissionPlugin {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    operations: ['CREATE', 'UPDATE'],
    async validate(attempt) {
      if (attempt.group === '' && attempt.resource === 'pods' && attempt.subresource === 'status') return;
      const next = attempt.object?.metadata.ownerReferences ?? [];
      const before = attempt.previous?.metadata.ownerReferences ?? [];
      if (isSame(next, before)) return;
      if (attempt.operation !== 'CREATE') await demandDeletion(attempt, deps.authorizer);
      const blocking = newlyBlocking(next, before);
      if (blocking.length === 0 || (await ask(attempt, deps.authorizer, anyFinalizers)).verdict === 'allow') return;
      for (const owner of blocking) await demandFinalizers(attempt, owner, deps);
    },
  };
}

function newlyBlocking(next: readonly OwnerReference[], before: readonly OwnerReference[]): readonly OwnerReference[] {
  const blocked = new Set(before.filter((each) => each.blockOwnerDeletion === true).map(({ uid }) => uid));
  return next.filter((each) => each.blockOwnerDeletion === true && !blocked.has(each.uid));
}

const anyFinalizers: AuthorizationAttributes = {
  isResourceRequest: true,
  verb: 'update',
  path: '',
  group: '*',
  version: '*',
  namespace: '',
  resource: '*',
  subresource: 'finalizers',
  name: '*',
};

function ask(attempt: AdmissionAttempt, authorizer: Authorizer, wanted: AuthorizationAttributes): Promise<Verdict> {
  return authorizer.authorize(attempt.user, wanted, attempt.signal);
}

async function demandDeletion(attempt: AdmissionAttempt, authorizer: Authorizer): Promise<void> {
  const { group, version, namespace, resource, subresource, name } = attempt;
  const wanted = {
    isResourceRequest: true,
    verb: 'delete',
    path: '',
    group,
    version,
    namespace,
    resource,
    subresource,
    name,
  };
  const { verdict, reason, error = '<nil>' } = await ask(attempt, authorizer, wanted);
  if (verdict === 'allow') return;
  throw refused(attempt, `cannot set an ownerRef on a resource you can't delete: ${reason}, ${error}`);
}

async function demandFinalizers(
  attempt: AdmissionAttempt,
  owner: OwnerReference,
  deps: OwnerReferencesDeps,
): Promise<void> {
  const { group, version } = parseApiVersion(owner.apiVersion);
  const { groups } = deps.catalog.resourcesSnapshot();
  const definition = groups
    .filter((each) => each.group === group)
    .flatMap(({ versions }) => versions.filter((each) => each.version === version))
    .flatMap(({ resources }) => resources.map((each) => each.definition))
    .find((each) => each.kind === owner.kind);
  if (definition === undefined) {
    const why = `no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`;
    throw refused(
      attempt,
      `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: ${why}`,
    );
  }
  const wanted: AuthorizationAttributes = {
    ...anyFinalizers,
    group,
    version,
    namespace: definition.namespaced ? attempt.namespace : '',
    resource: definition.plural,
    name: owner.name,
  };
  const { verdict, reason, error = '<nil>' } = await ask(attempt, deps.authorizer, wanted);
  if (verdict === 'allow') return;
  throw refused(
    attempt,
    `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, ${error}`,
  );
}
