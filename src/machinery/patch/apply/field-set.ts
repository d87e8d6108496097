import type { TypeSchema } from '../../schema/type-schema.ts';

/** A node of a set of paths: whether the path itself belongs to it, and what lies below. */
interface Node {
  member: boolean;
  children: Map<string, Node> | undefined;
}

const nothing: Node = Object.freeze({ member: false, children: undefined });

/** A set of fields on the wire that is none. */
export class FieldSetError extends Error {
  override readonly name = 'FieldSetError';
}

/**
 * A set of field paths as managed fields keep them. Path elements are written as on the wire: `f:name` for a field,
 * `k:{"name":"a"}` for an item of a keyed list, `v:"x"` for an item of a set.
 *
 * Source: structured-merge-diff `fieldpath/set.go` and `serialize.go`.
 */
export class FieldSet {
  #root: Node = { member: false, children: undefined };

  static #of(root: Node): FieldSet {
    const set = new FieldSet();
    set.#root = root;
    return set;
  }

  /** @throws FieldSetError */
  static fromWire(fields: Readonly<Record<string, unknown>> | undefined): FieldSet {
    const set = new FieldSet();
    readNode(set.#root, fields ?? {});
    // The whole object is nobody's.
    set.#root.member = false;
    return set;
  }

  /** The form of `fieldsV1`; keys are in the order of upstream's serialiser. */
  toWire(): Record<string, unknown> {
    return writeNode(this.#root);
  }

  get isEmpty(): boolean {
    return isNothing(this.#root);
  }

  /** For sets that are being filled: sets that were combined share their parts. */
  insert(path: readonly string[]): void {
    let node = this.#root;
    for (const element of path) node = childOf(node, element);
    node.member = true;
  }

  has(path: readonly string[]): boolean {
    let node: Node | undefined = this.#root;
    for (const element of path) {
      node = node.children?.get(element);
      if (node === undefined) return false;
    }
    return node.member;
  }

  /** Whether the set holds the path or one below it. */
  hasBelow(path: readonly string[]): boolean {
    let node: Node | undefined = this.#root;
    for (const element of path) {
      node = node.children?.get(element);
      if (node === undefined) return false;
    }
    return true;
  }

  union(other: FieldSet): FieldSet {
    return FieldSet.#of(unite(this.#root, other.#root));
  }

  intersection(other: FieldSet): FieldSet {
    return FieldSet.#of(intersect(this.#root, other.#root));
  }

  difference(other: FieldSet): FieldSet {
    return FieldSet.#of(subtract(this.#root, other.#root, { deep: false }));
  }

  /** The paths that are neither in the other set nor below one of its members. */
  without(other: FieldSet): FieldSet {
    return FieldSet.#of(subtract(this.#root, other.#root, { deep: true }));
  }

  /**
   * Follows a schema that changed since the set was written: of a list or map that has become atomic only the whole is
   * owned. Returns the set itself where that changes nothing.
   *
   * Source: `typed/reconcile_schema.go`.
   */
  reconciled(type: TypeSchema): FieldSet {
    const root = reconcile(this.#root, type);
    return root === this.#root ? this : FieldSet.#of(root);
  }

  /**
   * With the struct fields that lead to a member: whoever owns `a.b` also holds `a` in place.
   *
   * Source: `fieldpath/set.go` (EnsureNamedFieldsAreMembers).
   */
  withStructFields(type: TypeSchema): FieldSet {
    const result = new FieldSet();
    copyWithFields(this.#root, type, result.#root);
    return result;
  }

  /** All members; those of one place come before what is below any of them, as upstream lists them. */
  *paths(): Iterable<readonly string[]> {
    yield* walk(this.#root, []);
  }
}

function childOf(node: Node, element: string): Node {
  node.children ??= new Map();
  const known = node.children.get(element);
  if (known !== undefined) return known;
  const child: Node = { member: false, children: undefined };
  node.children.set(element, child);
  return child;
}

/** @throws FieldSetError for what is no set of fields; kinds of elements that nobody knows are left out. */
function readNode(node: Node, fields: unknown): void {
  if (typeof fields !== 'object' || Array.isArray(fields)) throw new FieldSetError('a set of fields is an object');
  for (const [element, inner] of Object.entries(fields ?? {})) {
    if (element === '.') {
      node.member = true;
      continue;
    }
    checkElement(element);
    if (!/^[fkvi]:/.test(element)) continue;
    const child = childOf(node, element);
    if (inner === null || (typeof inner === 'object' && Object.keys(inner).length === 0)) child.member = true;
    else readNode(child, inner);
    if (isNothing(child)) child.member = true;
  }
}

function checkElement(element: string): void {
  if (element.length < 2 || element[1] !== ':') throw new FieldSetError('missing colon');
  if (!/^[kvi]/.test(element)) return;
  try {
    const value: unknown = JSON.parse(element.slice(2));
    if (element[0] === 'v' || (typeof value === 'object' && value !== null) === (element[0] === 'k')) return;
  } catch (cause) {
    throw new FieldSetError('an element of a path is no JSON', { cause });
  }
  throw new FieldSetError('an element of a path is of the wrong type');
}

function writeNode(node: Node): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (node.children === undefined) return result;
  for (const element of [...node.children.keys()].sort(compareElements)) {
    const child = node.children.get(element) as Node;
    const below = writeNode(child);
    result[element] = child.member && Object.keys(below).length > 0 ? { '.': {}, ...below } : below;
  }
  return result;
}

/** Fields, then keys, then values, each by their text; numbers by their size. Source: `fieldpath/element.go` (Less). */
function compareElements(a: string, b: string): number {
  const prefix = a.slice(0, 2);
  if (prefix === 'f:' || prefix !== b.slice(0, 2)) return a < b ? -1 : a > b ? 1 : 0;
  const left: unknown = JSON.parse(a.slice(2));
  const right: unknown = JSON.parse(b.slice(2));
  if (prefix !== 'k:') return compareValues(left, right);
  const [mine, theirs] = [Object.entries(left as object), Object.entries(right as object)];
  for (const [index, [name, value]] of mine.entries()) {
    const other = theirs[index];
    if (other === undefined) return 1;
    if (name !== other[0]) return name < other[0] ? -1 : 1;
    const order = compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return mine.length - theirs.length;
}

const typeOrder: Readonly<Record<string, number>> = { number: 0, string: 1, boolean: 2 };

function compareValues(a: unknown, b: unknown): number {
  if (typeof a !== typeof b) return (typeOrder[typeof a] ?? 3) - (typeOrder[typeof b] ?? 3);
  const [left, right] = [a as string, b as string];
  return left < right ? -1 : left > right ? 1 : 0;
}

function unite(a: Node, b: Node): Node {
  if (b.children === undefined && (a.member || !b.member)) return a;
  if (a.children === undefined && (b.member || !a.member)) return b;
  const children = new Map(a.children);
  for (const [element, child] of b.children ?? []) {
    const known = children.get(element);
    children.set(element, known === undefined ? child : unite(known, child));
  }
  return { member: a.member || b.member, children };
}

function intersect(a: Node, b: Node): Node {
  let children: Map<string, Node> | undefined;
  for (const [element, child] of a.children ?? []) {
    const other = b.children?.get(element);
    if (other === undefined) continue;
    const both = intersect(child, other);
    if (isNothing(both)) continue;
    children ??= new Map();
    children.set(element, both);
  }
  const member = a.member && b.member;
  return member || children !== undefined ? { member, children } : nothing;
}

function subtract(a: Node, b: Node, options: { readonly deep: boolean }): Node {
  if (b.children === undefined && !b.member) return a;
  if (options.deep && b.member) return nothing;
  let children = a.children;
  if (a.children !== undefined && b.children !== undefined) {
    children = new Map();
    for (const [element, child] of a.children) {
      const other = b.children.get(element);
      const rest = other === undefined ? child : subtract(child, other, options);
      if (!isNothing(rest)) children.set(element, rest);
    }
    if (children.size === 0) children = undefined;
  }
  const member = a.member && !b.member;
  return member || children !== undefined ? { member, children } : nothing;
}

function reconcile(node: Node, type: TypeSchema | undefined): Node {
  if (node.children === undefined || type === undefined) return node;
  const isAtomic = (type.shape === 'list' && type.listType === 'atomic') || ('atomic' in type && type.atomic);
  if (isAtomic) return { member: true, children: undefined };
  let children = node.children;
  for (const [element, child] of node.children) {
    const inner = reconcile(child, typeBelow(type, element));
    if (inner === child) continue;
    if (children === node.children) children = new Map(node.children);
    children.set(element, inner);
  }
  return children === node.children ? node : { member: node.member, children };
}

function isNothing(node: Node): boolean {
  return !node.member && (node.children === undefined || node.children.size === 0);
}

function* walk(node: Node, path: readonly string[]): Iterable<readonly string[]> {
  if (node.children === undefined) return;
  const elements = [...node.children.keys()].sort(compareElements);
  for (const element of elements) if (node.children.get(element)?.member) yield [...path, element];
  for (const element of elements) yield* walk(node.children.get(element) as Node, [...path, element]);
}

function copyWithFields(node: Node, type: TypeSchema | undefined, copy: Node): void {
  copy.member = node.member;
  for (const [element, child] of node.children ?? []) {
    const inner = childOf(copy, element);
    copyWithFields(child, typeBelow(type, element), inner);
    const isStructField = type?.shape === 'object' && element.startsWith('f:') && type.fields.has(element.slice(2));
    if (isStructField && child.children !== undefined && child.children.size > 0) inner.member = true;
  }
}

function typeBelow(type: TypeSchema | undefined, element: string): TypeSchema | undefined {
  switch (type?.shape) {
    case 'object':
      return type.fields.get(element.slice(2))?.type;
    case 'map':
      return type.values;
    case 'list':
      return type.items;
    default:
      return undefined;
  }
}

/** A path as messages show it: `.spec.ports[port=80,protocol="TCP"].name`. Source: `fieldpath/element.go` (String). */
export function toPathText(path: readonly string[]): string {
  return path
    .map((element) => {
      const text = element.slice(2);
      switch (element.slice(0, 2)) {
        case 'f:':
          return `.${text}`;
        case 'k:':
          return `[${Object.entries(JSON.parse(text) as Record<string, unknown>)
            .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
            .join(',')}]`;
        case 'i:':
          return `[${text}]`;
        default:
          return `[=${text}]`;
      }
    })
    .join('');
}
