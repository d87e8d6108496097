import type { CelValue } from './values.ts';

/** Offset of a node in the text of its expression, in UTF-16 units. */
export type Offset = number;

interface NodeBase {
  /** Unique within its expression. */
  readonly id: number;
  readonly at: Offset;
}

export interface LiteralExpr extends NodeBase {
  readonly kind: 'literal';
  readonly value: CelValue;
}

export interface IdentExpr extends NodeBase {
  readonly kind: 'ident';
  readonly name: string;
}

export interface SelectExpr extends NodeBase {
  readonly kind: 'select';
  readonly operand: Expr;
  readonly field: string;
  /** Only asks whether the field is there: `has(a.b)`. */
  readonly testOnly: boolean;
}

export interface CallExpr extends NodeBase {
  readonly kind: 'call';
  readonly name: string;
  /** What a member function is called on. */
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

export interface ListExpr extends NodeBase {
  readonly kind: 'list';
  readonly items: readonly Expr[];
  /** Indexes of items that are left out where their optional value is empty. */
  readonly optional: ReadonlySet<number>;
}

export interface MapEntry {
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}

export interface MapExpr extends NodeBase {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
}

export interface StructField {
  readonly at: Offset;
  readonly name: string;
  readonly value: Expr;
  readonly optional: boolean;
}

export interface StructExpr extends NodeBase {
  readonly kind: 'struct';
  readonly typeName: string;
  readonly fields: readonly StructField[];
}

/** What every macro over lists and maps is made into. */
export interface ComprehensionExpr extends NodeBase {
  readonly kind: 'comprehension';
  readonly range: Expr;
  readonly iterVar: string;
  /** Set where keys and values (or indexes and items) go by two names. */
  readonly iterVar2: string | undefined;
  readonly accuVar: string;
  readonly accuInit: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

export type Expr =
  | LiteralExpr
  | IdentExpr
  | SelectExpr
  | CallExpr
  | ListExpr
  | MapExpr
  | StructExpr
  | ComprehensionExpr;

/** A dotted name such as `a.b.c`; undefined for anything else. Source: cel-go `common/containers` (ToQualifiedName). */
export function toQualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.testOnly) return undefined;
  const head = toQualifiedName(expr.operand);
  return head === undefined ? undefined : `${head}.${expr.field}`;
}

/** Gives every new node its number. */
export class ExprFactory {
  #next = 1;

  id(): number {
    return this.#next++;
  }

  literal(at: Offset, value: CelValue): LiteralExpr {
    return { kind: 'literal', id: this.id(), at, value };
  }

  ident(at: Offset, name: string): IdentExpr {
    return { kind: 'ident', id: this.id(), at, name };
  }

  call(at: Offset, name: string, args: readonly Expr[], target?: Expr): CallExpr {
    return { kind: 'call', id: this.id(), at, name, args, target };
  }

  select(at: Offset, operand: Expr, field: string, testOnly = false): SelectExpr {
    return { kind: 'select', id: this.id(), at, operand, field, testOnly };
  }

  list(at: Offset, items: readonly Expr[], optional: ReadonlySet<number> = new Set()): ListExpr {
    return { kind: 'list', id: this.id(), at, items, optional };
  }

  map(at: Offset, entries: readonly MapEntry[]): MapExpr {
    return { kind: 'map', id: this.id(), at, entries };
  }

  comprehension(at: Offset, parts: Omit<ComprehensionExpr, 'kind' | 'id' | 'at'>): ComprehensionExpr {
    return { kind: 'comprehension', id: this.id(), at, ...parts };
  }
}
