import type { PolicyRule } from '../../generated/api/rbac/v1.ts';
import type { AuthorizationAttributes, Authorizer, User, Verdict } from '../call.ts';
import { isInGroup } from '../call.ts';
import type { NodeRelations, RelatedKind } from './node-relations.ts';
import { ruleAllows } from './policy-rule.ts';

const prefix = 'system:node:';
const silent: Verdict = { verdict: 'no-opinion', reason: '' };
const allow: Verdict = { verdict: 'allow', reason: '' };
const no = (reason: string): Verdict => ({ verdict: 'no-opinion', reason });

/** What kubelets may do to kinds that are not divided by node. Source: rbac `bootstrappolicy/policy.go` (NodeRules). */
const nodeRules: readonly PolicyRule[] = [
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'] },
  {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['subjectaccessreviews', 'localsubjectaccessreviews'],
  },
  { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['services'] },
  { verbs: ['create', 'update', 'patch'], apiGroups: ['', 'events.k8s.io'], resources: ['events'] },
  { verbs: ['get'], apiGroups: [''], resources: ['endpoints'] },
  {
    verbs: ['create', 'get', 'list', 'watch'],
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests'],
  },
  { verbs: ['get', 'watch', 'list'], apiGroups: ['storage.k8s.io'], resources: ['csidrivers'] },
  { verbs: ['get', 'list', 'watch'], apiGroups: ['node.k8s.io'], resources: ['runtimeclasses'] },
];

/**
 * Lets a kubelet at its own node, at the pods bound to it and at what these name.
 * Source: `plugin/pkg/auth/authorizer/node/node_authorizer.go`.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #relations: NodeRelations;

  constructor(relations: NodeRelations) {
    this.#relations = relations;
  }

  async authorize(user: User, wanted: AuthorizationAttributes): Promise<Verdict> {
    return this.decide(user, wanted);
  }

  /** {@link authorize} without a promise. */
  decide(user: User, wanted: AuthorizationAttributes): Verdict {
    if (!isNode(user)) return silent;
    const node = user.name.slice(prefix.length);
    if (node === '') return no(`unknown node for user ${JSON.stringify(user.name)}`);
    const special = wanted.isResourceRequest ? divided[`${wanted.group}/${wanted.resource}`] : undefined;
    if (special !== undefined) return special(node, wanted, this.#relations);
    return nodeRules.some((rule) => ruleAllows(rule, wanted)) ? allow : silent;
  }

  async rulesFor(user: User): ReturnType<NonNullable<Authorizer['rulesFor']>> {
    const empty = { resourceRules: [], nonResourceRules: [] };
    if (!isNode(user)) return { ...empty, incomplete: false };
    return { ...empty, incomplete: true, evaluationError: 'node authorizer does not support user rule resolution' };
  }
}

function isNode(user: User): boolean {
  return user.name.startsWith(prefix) && isInGroup(user, 'system:nodes');
}

type Rule = (node: string, wanted: AuthorizationAttributes, relations: NodeRelations) => Verdict;

const divided: Readonly<Record<string, Rule | undefined>> = {
  '/secrets': (...args) => readNamespaced('secrets', ...args),
  '/configmaps': (...args) => readNamespaced('configmaps', ...args),
  '/persistentvolumeclaims': (node, wanted, relations) =>
    wanted.subresource === 'status'
      ? updateStatus('persistentvolumeclaims', node, wanted, relations)
      : getOne('persistentvolumeclaims', node, wanted, relations),
  '/persistentvolumes': (...args) => getOne('persistentvolumes', ...args),
  'resource.k8s.io/resourceclaims': (...args) => getOne('resourceclaims', ...args),
  'storage.k8s.io/volumeattachments': (...args) => getOne('volumeattachments', ...args),
  '/serviceaccounts': serviceAccount,
  'coordination.k8s.io/leases': lease,
  'storage.k8s.io/csinodes': csiNode,
  'resource.k8s.io/resourceslices': resourceSlice,
  '/nodes': ownNode,
  '/pods': pod,
  'certificates.k8s.io/podcertificaterequests': () => silent,
};

function related(kind: RelatedKind, node: string, wanted: AuthorizationAttributes, relations: NodeRelations): Verdict {
  if (wanted.name === '') return no('No Object name found');
  if (relations.isRelated(node, kind, wanted.namespace, wanted.name)) return allow;
  return no(`no relationship found between node '${node}' and this object`);
}

function readNamespaced(
  kind: RelatedKind,
  node: string,
  wanted: AuthorizationAttributes,
  relations: NodeRelations,
): Verdict {
  if (!['get', 'list', 'watch'].includes(wanted.verb)) return no('can only read resources of this type');
  if (wanted.subresource !== '') return no('cannot read subresource');
  if (wanted.namespace === '') return no('can only read namespaced object of this type');
  return related(kind, node, wanted, relations);
}

function getOne(kind: RelatedKind, node: string, wanted: AuthorizationAttributes, relations: NodeRelations): Verdict {
  if (wanted.verb !== 'get') return no('can only get individual resources of this type');
  if (wanted.subresource !== '') return no('cannot get subresource');
  return related(kind, node, wanted, relations);
}

function updateStatus(
  kind: RelatedKind,
  node: string,
  wanted: AuthorizationAttributes,
  relations: NodeRelations,
): Verdict {
  if (wanted.verb !== 'update' && wanted.verb !== 'patch') return no('can only get/update/patch this type');
  return related(kind, node, wanted, relations);
}

function serviceAccount(node: string, wanted: AuthorizationAttributes, relations: NodeRelations): Verdict {
  if (wanted.verb === 'get' && wanted.subresource === '') {
    return readNamespaced('serviceaccounts', node, wanted, relations);
  }
  if (wanted.verb !== 'create' || wanted.name === '') {
    return no('can only create tokens for individual service accounts');
  }
  if (wanted.subresource !== 'token') return no('can only create token subresource of serviceaccount');
  return related('serviceaccounts', node, wanted, relations);
}

const ownVerbs = ['get', 'create', 'update', 'patch', 'delete'];

function lease(node: string, wanted: AuthorizationAttributes): Verdict {
  if (!ownVerbs.includes(wanted.verb)) return no('can only get, create, update, patch, or delete a node lease');
  if (wanted.namespace !== 'kube-node-lease') {
    return no('can only access leases in the "kube-node-lease" system namespace');
  }
  // A creation has no name yet; admission compares it.
  if (wanted.verb === 'create' || wanted.name === node) return allow;
  return no('can only access node lease with the same name as the requesting node');
}

function csiNode(node: string, wanted: AuthorizationAttributes): Verdict {
  if (!ownVerbs.includes(wanted.verb)) return no('can only get, create, update, patch, or delete a CSINode');
  if (wanted.subresource !== '') return no('cannot authorize CSINode subresources');
  if (wanted.verb === 'create' || wanted.name === node) return allow;
  return no('can only access CSINode with the same name as the requesting node');
}

function resourceSlice(node: string, wanted: AuthorizationAttributes, relations: NodeRelations): Verdict {
  if (wanted.subresource !== '') return no('cannot authorize ResourceSlice subresources');
  switch (wanted.verb) {
    case 'create':
      return allow;
    case 'get':
    case 'update':
    case 'patch':
    case 'delete':
      return related('resourceslices', node, wanted, relations);
    case 'watch':
    case 'list':
    case 'deletecollection':
      if (selects(wanted, 'spec.nodeName', node)) return allow;
      return no('can only list/watch/deletecollection resourceslices with nodeName field selector');
    default:
      return no(
        'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
      );
  }
}

/** A kubelet reads its own Node even before it exists. What it may write there is for admission to say. */
function ownNode(node: string, wanted: AuthorizationAttributes): Verdict {
  if (wanted.subresource === 'status') return wanted.verb === 'update' || wanted.verb === 'patch' ? allow : silent;
  if (wanted.subresource !== '') return silent;
  if (['create', 'update', 'patch'].includes(wanted.verb)) return allow;
  if (!['get', 'list', 'watch'].includes(wanted.verb)) return silent;
  if (wanted.name === node) return allow;
  if (wanted.name === '') return no(`node '${node}' cannot read all nodes, only its own Node object`);
  return no(`node '${node}' cannot read '${wanted.name}', only its own Node object`);
}

function pod(node: string, wanted: AuthorizationAttributes, relations: NodeRelations): Verdict {
  const { verb, subresource } = wanted;
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow : silent;
  if (subresource === 'eviction') return verb === 'create' ? allow : silent;
  if (subresource !== '') return silent;
  switch (verb) {
    case 'get':
      return getOne('pods', node, wanted, relations);
    case 'list':
    case 'watch':
      if (selects(wanted, 'spec.nodeName', node)) return allow;
      if (wanted.name !== '') return related('pods', node, wanted, relations);
      return no('can only list/watch pods with spec.nodeName field selector');
    // Mirror pods; admission keeps a node to its own.
    case 'create':
    case 'delete':
      return allow;
    default:
      return silent;
  }
}

function selects(wanted: AuthorizationAttributes, field: string, value: string): boolean {
  return (wanted.fieldSelector ?? '')
    .split(',')
    .some((term) => term === `${field}=${value}` || term === `${field}==${value}`);
}
