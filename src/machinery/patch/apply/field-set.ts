import type { TypeSchema } from '../../schema/type-schema.ts';

/** A node of a set of paths: whether the path itself belongs to it, and what lies below. */
interface Node {
  member: boolean;
  children: Map<string, Node> | undefined;
}

/**
 * A set of field paths as managed fields keep them. Path elements are written as on the wire: `f:name` for a field,
 * `k:{"name":"a"}` for an item of a keyed list, `v:"x"` for an item of a set.
 *
 * Source: structured-merge-diff `fieldpath/set.go` and `serialize.go`.
 */
export class FieldSet {
  readonly #root: Node = { member: false, children: undefined };

  static fromWire(fields: Readonly<Record<string, unknown>> | undefined): FieldSet {
    const set = new FieldSet();
    readNode(set.#root, fields ?? {});
    return set;
  }

  /** The form of `fieldsV1`; keys are in the order of upstream's serialiser. */
  toWire(): Record<string, unknown> {
    return writeNode(this.#root);
  }

  get isEmpty(): boolean {
    return !hasMember(this.#root);
  }

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
    const result = new FieldSet();
    for (const path of this.paths()) result.insert(path);
    for (const path of other.paths()) result.insert(path);
    return result;
  }

  intersection(other: FieldSet): FieldSet {
    return this.filter((path) => other.has(path));
  }

  difference(other: FieldSet): FieldSet {
    return this.filter((path) => !other.has(path));
  }

  /** The paths that are neither in the other set nor below one of its members. */
  without(other: FieldSet): FieldSet {
    return this.filter((path) => {
      for (let length = 1; length <= path.length; length++) if (other.has(path.slice(0, length))) return false;
      return true;
    });
  }

  filter(keep: (path: readonly string[]) => boolean): FieldSet {
    const result = new FieldSet();
    for (const path of this.paths()) if (keep(path)) result.insert(path);
    return result;
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

  equals(other: FieldSet): boolean {
    return JSON.stringify(this.toWire()) === JSON.stringify(other.toWire());
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

function readNode(node: Node, fields: Readonly<Record<string, unknown>>): void {
  for (const [element, inner] of Object.entries(fields)) {
    if (element === '.') {
      node.member = true;
      continue;
    }
    const child = childOf(node, element);
    const below = (inner ?? {}) as Record<string, unknown>;
    if (Object.keys(below).length === 0) child.member = true;
    else readNode(child, below);
  }
}

function writeNode(node: Node): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (node.children === undefined) return result;
  for (const element of [...node.children.keys()].sort(compareElements)) {
    const child = node.children.get(element) as Node;
    if (!hasMember(child)) continue;
    const below = writeNode(child);
    result[element] = child.member && Object.keys(below).length > 0 ? { '.': {}, ...below } : below;
  }
  return result;
}

/** Fields, then keys, then values, each by their text. */
function compareElements(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function hasMember(node: Node): boolean {
  if (node.member) return true;
  for (const child of node.children?.values() ?? []) if (hasMember(child)) return true;
  return false;
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
        default:
          return `[=${text}]`;
      }
    })
    .join('');
}
