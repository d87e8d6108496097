import type { OwnerReference } from '../../generated/api/meta/v1.ts';
import { type KubeObject, type ResourceType, toApiVersion } from '../../machinery/object/object.ts';

/** Where an object is, as owner references name it. */
export interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** An object in the graph of owners. */
export interface GraphNode {
  identity: Identity;
  owners: readonly OwnerReference[];
  readonly dependents: Set<GraphNode>;
  beingDeleted: boolean;
  deletingDependents: boolean;
  /** Known only from the reference of a dependent so far: it may not exist, or be elsewhere than the reference says. */
  virtual: boolean;
}

/** What a change of the graph asks for; uids to look at. */
export interface GraphWork {
  /** Look whether the object must go. */
  delete(uid: string): void;
  /** The same after a back-off. */
  deleteLater(uid: string): void;
  /** Cut the object's dependents loose. */
  orphan(uid: string): void;
  /** A dependent names an owner that lives in another namespace. */
  invalidOwner(dependent: GraphNode, ownerUid: string): void;
}

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** Owners remembered as absent. Source: `garbagecollector.go` (NewReferenceCache(500)). */
const MAX_ABSENT = 500;

/**
 * All objects of the cluster by uid and who owns whom, kept from watch events. An owner that is named before it is seen
 * stands in as a virtual node, to be looked up: that finds dependents whose owner went unseen.
 *
 * Source: `pkg/controller/garbagecollector/graph_builder.go` (processGraphChanges).
 */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #absent = new Set<string>();
  readonly #work: GraphWork;

  constructor(work: GraphWork) {
    this.#work = work;
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Whether the owner that a reference names is known not to exist, cluster-wide or in the dependent's namespace. */
  isAbsent(reference: OwnerReference, namespace: string): boolean {
    const { apiVersion, kind, name, uid } = reference;
    const text = (inNamespace: string): string => toText({ apiVersion, kind, name, uid, namespace: inNamespace });
    return this.#absent.has(text('')) || this.#absent.has(text(namespace));
  }

  markAbsent(identity: Identity): void {
    this.#absent.add(toText(identity));
    if (this.#absent.size <= MAX_ABSENT) return;
    for (const oldest of this.#absent) {
      this.#absent.delete(oldest);
      break;
    }
  }

  /** An object was added or changed. `previous` is its last state, if there was one. */
  upsert(type: ResourceType, object: KubeObject, previous?: KubeObject): void {
    const identity = identityOf(type, object);
    const goes = object.metadata.deletionTimestamp !== undefined;
    const owners = object.metadata.ownerReferences ?? [];
    let node = this.#nodes.get(identity.uid);
    if (node === undefined) {
      node = {
        identity,
        owners,
        dependents: new Set(),
        beingDeleted: goes,
        deletingDependents: goes && hasFinalizer(object, FOREGROUND),
        virtual: false,
      };
      this.#nodes.set(identity.uid, node);
      this.#addDependent(node, owners);
    } else {
      this.#observe(node, identity);
      this.#changeOwners(node, owners);
      if (goes) node.beingDeleted = true;
    }
    this.#startDeletion(node, object, previous);
  }

  /** An object is gone, as a watch event says. */
  remove(type: ResourceType, object: KubeObject): void {
    const identity = identityOf(type, object);
    const node = this.#nodes.get(identity.uid);
    if (node === undefined) return;
    this.#observe(node, identity);
    this.#removeNode(node, identity);
  }

  /** A look-up found nothing at the identity; the node there, or the one that took its uid, is treated as it deserves. */
  removeVirtually(identity: Identity): void {
    const node = this.#nodes.get(identity.uid);
    if (node === undefined) return;
    const isSame = toText(node.identity) === toText(identity);
    const { matching, others } = partitionDependents(node, identity);
    if (node.virtual ? others.length === 0 : isSame) {
      this.#removeNode(node, identity);
      return;
    }
    // Some dependents name this uid elsewhere: only those that name the absent place have lost their owner.
    if (matching.length > 0) {
      this.markAbsent(identity);
      for (const dependent of matching) this.#work.delete(dependent.identity.uid);
    }
    if (!node.virtual || !isSame) return;
    const next = alternateIdentity(others, identity);
    if (next === undefined) return;
    node.identity = next;
    this.#work.deleteLater(next.uid);
  }

  #removeNode(node: GraphNode, identity: Identity): void {
    this.#nodes.delete(node.identity.uid);
    for (const owner of node.owners) this.#nodes.get(owner.uid)?.dependents.delete(node);
    if (node.dependents.size > 0) this.markAbsent(identity);
    for (const dependent of node.dependents) this.#work.delete(dependent.identity.uid);
    for (const owner of node.owners) {
      if (this.#nodes.get(owner.uid)?.deletingDependents) this.#work.delete(owner.uid);
    }
  }

  /** A real event for a node that was virtual: dependents whose reference does not fit the real place are looked at. */
  #observe(node: GraphNode, identity: Identity): void {
    if (!node.virtual) return;
    node.virtual = false;
    if (toText(node.identity) === toText(identity)) return;
    node.identity = identity;
    for (const dependent of partitionDependents(node, identity).others) {
      if (identity.namespace !== '' && dependent.identity.namespace !== identity.namespace) {
        this.#work.invalidOwner(dependent, identity.uid);
      }
      this.#work.delete(dependent.identity.uid);
    }
  }

  #addDependent(node: GraphNode, owners: readonly OwnerReference[]): void {
    let mismatch = false;
    for (const owner of owners) {
      let found = this.#nodes.get(owner.uid);
      if (found === undefined) {
        const { apiVersion, kind, name, uid } = owner;
        found = {
          identity: { apiVersion, kind, name, uid, namespace: node.identity.namespace },
          owners: [],
          dependents: new Set(),
          beingDeleted: false,
          deletingDependents: false,
          virtual: true,
        };
        this.#nodes.set(uid, found);
        this.#work.deleteLater(uid);
      } else if (!found.virtual && !fits(owner, found.identity, node.identity.namespace)) {
        mismatch = true;
        if (found.identity.namespace !== '' && found.identity.namespace !== node.identity.namespace) {
          this.#work.invalidOwner(node, owner.uid);
        }
      }
      found.dependents.add(node);
    }
    if (mismatch) this.#work.delete(node.identity.uid);
  }

  #changeOwners(node: GraphNode, owners: readonly OwnerReference[]): void {
    if (sameReferences(node.owners, owners)) return;
    const before = new Map(node.owners.map((owner) => [owner.uid, owner]));
    const after = new Map(owners.map((owner) => [owner.uid, owner]));
    node.owners = owners;
    const added = owners.filter((owner) => !before.has(owner.uid));
    for (const [uid, owner] of before) {
      const next = after.get(uid);
      // An owner that waited for this dependent may go now.
      if (owner.blockOwnerDeletion && !next?.blockOwnerDeletion && this.#nodes.has(uid)) this.#work.delete(uid);
      if (next === undefined) this.#nodes.get(uid)?.dependents.delete(node);
    }
    this.#addDependent(node, added);
  }

  #startDeletion(node: GraphNode, object: KubeObject, previous: KubeObject | undefined): void {
    if (starts(ORPHAN, object, previous)) {
      this.#work.orphan(node.identity.uid);
      return;
    }
    if (!starts(FOREGROUND, object, previous)) return;
    node.deletingDependents = true;
    for (const dependent of node.dependents) this.#work.delete(dependent.identity.uid);
    this.#work.delete(node.identity.uid);
  }
}

export function identityOf(type: ResourceType, object: KubeObject): Identity {
  const { namespace = '', name = '', uid = '' } = object.metadata;
  return { apiVersion: toApiVersion(type), kind: type.kind, namespace, name, uid };
}

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/** Dependents that the owner must wait for in a foreground deletion. */
export function blockingDependents(node: GraphNode): GraphNode[] {
  return [...node.dependents].filter((dependent) =>
    dependent.owners.some((owner) => owner.uid === node.identity.uid && owner.blockOwnerDeletion === true),
  );
}

function starts(finalizer: string, object: KubeObject, previous: KubeObject | undefined): boolean {
  const goes = (each: KubeObject): boolean =>
    each.metadata.deletionTimestamp !== undefined && hasFinalizer(each, finalizer);
  return goes(object) && (previous === undefined || !goes(previous));
}

function fits(reference: OwnerReference, identity: Identity, namespace: string): boolean {
  if (identity.namespace !== '' && identity.namespace !== namespace) return false;
  return matchesCoordinates(reference, identity);
}

/** Versions of a group are the same objects, so only the group counts. */
function matchesCoordinates(reference: OwnerReference, identity: Identity): boolean {
  const groupOf = (apiVersion: string): string =>
    apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return (
    reference.uid === identity.uid &&
    reference.name === identity.name &&
    reference.kind === identity.kind &&
    groupOf(reference.apiVersion) === groupOf(identity.apiVersion)
  );
}

function partitionDependents(node: GraphNode, owner: Identity): { matching: GraphNode[]; others: GraphNode[] } {
  const matching: GraphNode[] = [];
  const others: GraphNode[] = [];
  for (const dependent of node.dependents) {
    const references = dependent.owners.filter((reference) => reference.uid === owner.uid);
    const isElsewhere = owner.namespace !== '' && owner.namespace !== dependent.identity.namespace;
    if (!isElsewhere && references.some((reference) => matchesCoordinates(reference, owner))) matching.push(dependent);
    if (isElsewhere || references.some((reference) => !matchesCoordinates(reference, owner))) others.push(dependent);
  }
  return { matching, others };
}

/** The next place where dependents believe their owner to be, in a fixed order, so that all are tried in turn. */
function alternateIdentity(dependents: readonly GraphNode[], absent: Identity): Identity | undefined {
  const candidates = new Map<string, Identity>();
  for (const dependent of dependents) {
    for (const { apiVersion, kind, name, uid } of dependent.owners) {
      if (uid !== absent.uid) continue;
      const isClusterScoped = absent.namespace === '' && apiVersion === absent.apiVersion && kind === absent.kind;
      const namespace = isClusterScoped ? '' : dependent.identity.namespace;
      const identity = { apiVersion, kind, name, uid, namespace };
      if (toText(identity) !== toText(absent)) candidates.set(toText(identity), identity);
    }
  }
  const texts = [...candidates.keys()].sort();
  const text = texts.find((each) => each > toText(absent)) ?? texts[0];
  return text === undefined ? undefined : candidates.get(text);
}

function sameReferences(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  return a === b || (a.length === b.length && JSON.stringify(a) === JSON.stringify(b));
}

function toText(identity: Identity): string {
  const { kind, apiVersion, namespace, name, uid } = identity;
  return [kind, apiVersion, namespace, name, uid].join('|');
}
