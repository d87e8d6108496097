import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, Subject } from '../../generated/api/rbac/v1.ts';
import { clusterrolebindings, clusterroles, rolebindings, roles } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { User } from '../call.ts';
import { closeAll, type ObjectFeed } from './object-feed.ts';

export type Binding = ClusterRoleBinding | RoleBinding;

/** The RBAC objects, by what a decision asks for. All answers come from memory. */
export interface RbacReader {
  clusterRole(name: string): ClusterRole | undefined;
  role(namespace: string, name: string): Role | undefined;
  /** Cluster role bindings that have the user, or one of its groups, among their subjects. */
  clusterRoleBindingsOf(user: User): Iterable<ClusterRoleBinding>;
  roleBindingsOf(user: User, namespace: string): Iterable<RoleBinding>;
}

/** RBAC objects in memory, bindings filed under their subjects: a decision looks only at bindings of its user. */
export class RbacIndex implements RbacReader {
  readonly #clusterRoles = new Map<string, ClusterRole>();
  readonly #roles = new Map<string, Role>();
  readonly #clusterWide = new SubjectIndex<ClusterRoleBinding>();
  readonly #namespaced = new Map<string, SubjectIndex<RoleBinding>>();

  /** Begins to follow the four kinds; resolves once all is known. */
  async start(feed: ObjectFeed): Promise<{ close(): void }> {
    const subscriptions = await Promise.all([
      feed.follow(clusterroles as ResourceType<ClusterRole & KubeObject>, ({ change, object }) =>
        place(this.#clusterRoles, nameOf(object), change === 'set' ? object : undefined),
      ),
      feed.follow(roles as ResourceType<Role & KubeObject>, ({ change, object }) =>
        place(this.#roles, keyOf(object), change === 'set' ? object : undefined),
      ),
      feed.follow(clusterrolebindings as ResourceType<ClusterRoleBinding & KubeObject>, ({ change, object }) =>
        this.#clusterWide.place(nameOf(object), '', change === 'set' ? object : undefined),
      ),
      feed.follow(rolebindings as ResourceType<RoleBinding & KubeObject>, ({ change, object }) =>
        this.#bindings(object.metadata.namespace ?? '').place(
          nameOf(object),
          object.metadata.namespace ?? '',
          change === 'set' ? object : undefined,
        ),
      ),
    ]);
    return closeAll(subscriptions);
  }

  clusterRole(name: string): ClusterRole | undefined {
    return this.#clusterRoles.get(name);
  }

  role(namespace: string, name: string): Role | undefined {
    return this.#roles.get(`${namespace}/${name}`);
  }

  clusterRoleBindingsOf(user: User): Iterable<ClusterRoleBinding> {
    return this.#clusterWide.of(user);
  }

  roleBindingsOf(user: User, namespace: string): Iterable<RoleBinding> {
    return this.#namespaced.get(namespace)?.of(user) ?? [];
  }

  #bindings(namespace: string): SubjectIndex<RoleBinding> {
    const known = this.#namespaced.get(namespace);
    if (known !== undefined) return known;
    const index = new SubjectIndex<RoleBinding>();
    this.#namespaced.set(namespace, index);
    return index;
  }
}

/** Bindings by subject: `u:` and a user name, `g:` and a group. */
class SubjectIndex<T extends Binding> {
  readonly #bindings = new Map<string, T>();
  readonly #bySubject = new Map<string, Map<string, T>>();

  place(name: string, namespace: string, binding: T | undefined): void {
    const previous = this.#bindings.get(name);
    for (const subject of previous?.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      const filed = this.#bySubject.get(key);
      filed?.delete(name);
      if (filed?.size === 0) this.#bySubject.delete(key);
    }
    place(this.#bindings, name, binding);
    if (binding === undefined) return;
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      const filed = this.#bySubject.get(key);
      if (filed === undefined) this.#bySubject.set(key, new Map([[name, binding]]));
      else filed.set(name, binding);
    }
  }

  /** A binding may come twice, where it names both the user and a group. */
  *of(user: User): Iterable<T> {
    const own = this.#bySubject.get(`u:${user.name}`);
    if (own !== undefined) yield* own.values();
    for (const group of user.groups) {
      const shared = this.#bySubject.get(`g:${group}`);
      if (shared !== undefined) yield* shared.values();
    }
  }
}

/** The first subject of the binding that stands for the user. */
export function subjectFor(user: User, binding: Binding, namespace: string): Subject | undefined {
  return binding.subjects?.find((subject) => {
    const key = subjectKey(subject, namespace);
    return key.startsWith('g:') ? user.groups.includes(key.slice(2)) : key === `u:${user.name}`;
  });
}

function subjectKey(subject: Subject, bindingNamespace: string): string {
  switch (subject.kind) {
    case 'User':
      return `u:${subject.name}`;
    case 'Group':
      return `g:${subject.name}`;
    case 'ServiceAccount': {
      const namespace = subject.namespace || bindingNamespace;
      return namespace === '' ? '?' : `u:system:serviceaccount:${namespace}:${subject.name}`;
    }
    default:
      return '?';
  }
}

function place<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function nameOf(object: KubeObject): string {
  return object.metadata.name ?? '';
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${nameOf(object)}`;
}
