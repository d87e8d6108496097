import type { CallExpr, ComprehensionExpr, Expr } from './ast.ts';
import { type CelType, DYN } from './cel-type.ts';
import type { Checked } from './checker.ts';
import {
  fixed,
  MAX,
  ONE,
  plus,
  product,
  type Range,
  STRING_FACTOR,
  scale,
  sum,
  UNKNOWN,
  union,
  ZERO,
} from './estimate.ts';
import { type Argument, type CallEstimate, estimateCall, regexEstimate } from './estimate-calls.ts';

/** The size of what stands at a path, such as `self, spec, items, @items`; undefined where nobody knows. */
export type SizeAt = (path: readonly string[]) => Range | undefined;

interface EntrySize {
  readonly kind: 'list' | 'map';
  readonly key: Range;
  readonly value: Range;
}

interface LocalVariable {
  readonly path: readonly string[];
  readonly size: Range | undefined;
  readonly entries: EntrySize | undefined;
}

/**
 * What an expression may cost at the least and at the most, for any input of the declared sizes.
 *
 * Source: cel-go `checker/cost.go`, apiserver `pkg/cel/library/cost.go`.
 */
export function estimateCost(checked: Checked, sizeAt: SizeAt): Range {
  return new Estimator(checked, sizeAt).cost(checked.expr);
}

const LIST_COST = fixed(10);
const MAP_COST = fixed(30);
const STRUCT_COST = fixed(40);

class Estimator {
  readonly #checked: Checked;
  readonly #sizeAt: SizeAt;
  readonly #paths = new Map<number, readonly string[]>();
  readonly #sizes = new Map<number, Range>();
  readonly #entries = new Map<number, EntrySize>();
  readonly #locals = new Map<string, LocalVariable[]>();

  constructor(checked: Checked, sizeAt: SizeAt) {
    this.#checked = checked;
    this.#sizeAt = sizeAt;
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'literal':
        return ZERO;
      case 'ident':
        this.#paths.set(expr.id, this.#local(expr.name)?.path ?? [expr.name]);
        return ONE;
      case 'select': {
        const operand = this.cost(expr.operand);
        if (expr.testOnly) return operand;
        this.#paths.set(expr.id, [...this.#path(expr.operand), expr.field]);
        const { kind } = this.#type(expr.operand);
        return kind === 'map' || kind === 'struct' || kind === 'param' ? plus(operand, ONE) : operand;
      }
      case 'call':
        return this.#call(expr);
      case 'list': {
        const costs = expr.items.map((item) => this.cost(item));
        const value = this.#unionOf(expr.items.map((item) => this.#sizeOrUnknown(item)));
        this.#entries.set(expr.id, { kind: 'list', key: ONE, value });
        return plus(sum(costs), LIST_COST);
      }
      case 'map': {
        const costs = expr.entries.flatMap(({ key, value }) => [this.cost(key), this.cost(value)]);
        const key = this.#unionOf(expr.entries.map((entry) => this.#sizeOrUnknown(entry.key)));
        const value = this.#unionOf(expr.entries.map((entry) => this.#sizeOrUnknown(entry.value)));
        this.#entries.set(expr.id, { kind: 'map', key, value });
        return plus(sum(costs), MAP_COST);
      }
      case 'struct':
        return plus(sum(expr.fields.map(({ value }) => this.cost(value))), STRUCT_COST);
      case 'comprehension':
        return isBinding(expr) ? this.#binding(expr) : this.#comprehension(expr);
      default:
        return expr satisfies never;
    }
  }

  #unionOf(sizes: readonly Range[]): Range {
    return sizes.length === 0 ? ZERO : sizes.reduce(union, { min: MAX, max: 0 });
  }

  #type(expr: Expr): CelType {
    return this.#checked.types.get(expr.id) ?? DYN;
  }

  #local(name: string): LocalVariable | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #push(name: string, variable: LocalVariable): void {
    const stack = this.#locals.get(name);
    if (stack === undefined) this.#locals.set(name, [variable]);
    else stack.push(variable);
  }

  #pop(name: string): void {
    this.#locals.get(name)?.pop();
  }

  #path(expr: Expr): readonly string[] {
    const local = expr.kind === 'ident' ? this.#local(expr.name) : undefined;
    return local?.path ?? this.#paths.get(expr.id) ?? [];
  }

  /** The path of a value that the schema knows: results that are being gathered are none of it. */
  #schemaPath(expr: Expr): readonly string[] {
    const path = this.#path(expr);
    return path[0] === '@result' ? [] : path;
  }

  #size(expr: Expr): Range | undefined {
    const known = this.#sizes.get(expr.id) ?? literalSize(expr);
    if (known !== undefined) return known;
    const path = this.#path(expr);
    const declared = path.length === 0 ? undefined : this.#sizeAt(path);
    if (declared !== undefined) {
      this.#sizes.set(expr.id, declared);
      return declared;
    }
    if (isScalar(this.#type(expr))) return ONE;
    return expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined;
  }

  #sizeOrUnknown(expr: Expr): Range {
    return this.#size(expr) ?? UNKNOWN;
  }

  #entrySize(expr: Expr): EntrySize | undefined {
    return this.#entries.get(expr.id) ?? (expr.kind === 'ident' ? this.#local(expr.name)?.entries : undefined);
  }

  #copySizes(to: Expr, from: Expr): void {
    const size = this.#size(from);
    if (size !== undefined) this.#sizes.set(to.id, size);
    const entries = this.#entrySize(from);
    if (entries !== undefined) this.#entries.set(to.id, entries);
  }

  #argument(expr: Expr): Argument {
    const path = this.#schemaPath(expr);
    const itemSize = path.length === 0 ? undefined : this.#sizeAt([...path, '@items']);
    const constant = expr.kind === 'literal' && typeof expr.value === 'bigint' ? Number(expr.value) : undefined;
    return {
      type: this.#type(expr),
      size: this.#sizeOrUnknown(expr),
      itemSize: itemSize ?? UNKNOWN,
      constant: constant === undefined ? undefined : Math.max(0, constant),
    };
  }

  #call(expr: CallExpr): Range {
    if (expr.name === 'dyn' && expr.args[0] !== undefined) {
      const cost = this.cost(expr.args[0]);
      this.#copySizes(expr, expr.args[0]);
      return plus(ONE, cost);
    }
    const costs = expr.args.map((arg) => this.cost(arg));
    const overloads = this.#checked.overloads.get(expr.id) ?? [];
    if (overloads.length === 0) return ZERO;
    const targetCost = expr.target === undefined ? ZERO : this.cost(expr.target);
    let range: Range | undefined;
    let size: Range | undefined;
    for (const id of overloads) {
      const estimate = this.#overload(expr, id, costs);
      range = range === undefined ? union({ min: MAX, max: 0 }, estimate.cost) : union(range, estimate.cost);
      if (estimate.size !== undefined) size = size === undefined ? estimate.size : union(size, estimate.size);
      const [container] = expr.args;
      if (container !== undefined && (id === 'index_list' || id === 'index_map')) {
        size = this.#entrySize(container)?.value;
        this.#paths.set(expr.id, [...this.#path(container), id === 'index_list' ? '@items' : '@values']);
      }
      size ??= this.#size(expr);
    }
    if (size !== undefined) this.#sizes.set(expr.id, size);
    return plus(targetCost, range ?? ZERO);
  }

  #overload(expr: CallExpr, id: string, costs: readonly Range[]): CallEstimate {
    const { args, target } = expr;
    const all = (target === undefined ? args : [target, ...args]).map((arg) => this.#argument(arg));
    const own = estimateCall(expr.name, id, all);
    if (own !== undefined) return { cost: plus(own.cost, sum(costs)), size: own.size };
    return this.#standard(expr, id, all, costs);
  }

  #standard(expr: CallExpr, id: string, args: readonly Argument[], costs: readonly Range[]): CallEstimate {
    const [first, second] = [args[0]?.size ?? UNKNOWN, args[1]?.size ?? UNKNOWN];
    const with_ = (cost: Range, size?: Range): CallEstimate => ({ cost: plus(cost, sum(costs)), size });
    switch (id) {
      case 'string_format':
        return with_(scale(first, STRING_FACTOR));
      case 'string_to_bytes':
        return with_(scale(first, STRING_FACTOR), { min: first.min, max: Math.min(MAX, first.max * 4) });
      case 'bytes_to_string':
        return with_(scale(first, STRING_FACTOR), { min: Math.floor(first.min / 4), max: first.max });
      case 'strings_quote':
        return with_(scale(first, STRING_FACTOR), { min: first.min + 2, max: Math.min(MAX, first.max * 2 + 2) });
      case 'starts_with_string':
      case 'ends_with_string':
        return with_(scale(second, STRING_FACTOR));
      case 'in_list':
        return with_(second);
      case 'matches_string':
        return with_(regexEstimate(first, second));
      case 'contains_string':
        return with_(product(scale(first, STRING_FACTOR), scale(second, STRING_FACTOR)));
      case 'logical_or':
      case 'logical_and': {
        const [left = ZERO, right = ZERO] = costs;
        return { cost: { min: left.min, max: plus(left, right).max } };
      }
      case 'conditional':
        return this.#conditional(expr, costs);
      case 'add_string':
      case 'add_bytes':
      case 'add_list': {
        this.#unionEntries(expr, expr.args[0], expr.args[1]);
        const size = plus(first, second);
        return with_(id === 'add_list' ? ONE : scale(size, STRING_FACTOR), size);
      }
      default:
        break;
    }
    if (comparesTexts.has(id)) {
      const max = Math.min(first.max, second.max);
      return with_(scale({ min: max > 0 ? 1 : 0, max }, STRING_FACTOR));
    }
    return with_(ONE);
  }

  #conditional(expr: CallExpr, costs: readonly Range[]): CallEstimate {
    const [condition = ZERO, yes = ZERO, no = ZERO] = costs;
    const [, first, second] = expr.args;
    if (first === undefined || second === undefined) return { cost: condition };
    this.#unionEntries(expr, first, second);
    const size = union(this.#sizeOrUnknown(first), this.#sizeOrUnknown(second));
    return { cost: plus(condition, union(yes, no)), size };
  }

  #unionEntries(expr: Expr, first: Expr | undefined, second: Expr | undefined): void {
    const [a, b] = [first && this.#entrySize(first), second && this.#entrySize(second)];
    if (a === undefined || b === undefined) return;
    this.#entries.set(expr.id, { kind: a.kind, key: union(a.key, b.key), value: union(a.value, b.value) });
  }

  #comprehension(expr: ComprehensionExpr): Range {
    const { range, accuInit, accuVar, iterVar, iterVar2 } = expr;
    let total = plus(this.cost(range), this.cost(accuInit));
    this.#push(accuVar, this.#variableOf(accuInit));
    const path = this.#path(range);
    const entries = this.#entrySize(range);
    const isList = (entries?.kind ?? this.#type(range).kind) === 'list';
    const variable = (step: string, size: Range | undefined): LocalVariable => ({
      path: [...path, step],
      size,
      entries: undefined,
    });
    const ofValue = variable(isList ? '@items' : '@values', entries?.value);
    if (iterVar2 === undefined) this.#push(iterVar, isList ? ofValue : variable('@keys', entries?.key));
    else {
      this.#push(iterVar, variable(isList ? '@indices' : '@keys', entries?.key));
      this.#push(iterVar2, ofValue);
    }
    const loop = plus(this.cost(expr.condition), this.cost(expr.step));
    this.#pop(iterVar);
    if (iterVar2 !== undefined) this.#pop(iterVar2);
    total = plus(total, this.cost(expr.result));
    this.#pop(accuVar);
    const count = this.#sizeOrUnknown(range);
    this.#setResultSize(expr, count);
    return plus(total, product(count, loop));
  }

  #setResultSize(expr: ComprehensionExpr, count: Range): void {
    if (expr.accuInit.kind === 'literal') {
      const size = this.#size(expr.accuInit);
      if (size !== undefined) this.#sizes.set(expr.id, size);
    } else if (expr.accuInit.kind === 'list' || expr.accuInit.kind === 'map') {
      this.#sizes.set(expr.id, count);
      const entries = this.#entrySize(expr.step);
      if (entries !== undefined) this.#entries.set(expr.id, entries);
    }
  }

  #variableOf(expr: Expr): LocalVariable {
    const entries = this.#entrySize(expr);
    return { path: this.#path(expr), size: this.#size(expr), entries };
  }

  #binding(expr: ComprehensionExpr): Range {
    const total = plus(this.cost(expr.range), this.cost(expr.accuInit));
    this.#push(expr.accuVar, this.#variableOf(expr.accuInit));
    const result = this.cost(expr.result);
    this.#pop(expr.accuVar);
    this.#copySizes(expr, expr.result);
    return plus(total, result);
  }
}

const comparesTexts = new Set(
  'less_string greater_string less_equals_string greater_equals_string less_bytes greater_bytes less_equals_bytes greater_equals_bytes equals not_equals'.split(
    ' ',
  ),
);

function isBinding({ range, condition }: ComprehensionExpr): boolean {
  return range.kind === 'list' && range.items.length === 0 && condition.kind === 'literal' && condition.value === false;
}

function literalSize(expr: Expr): Range | undefined {
  if (expr.kind === 'list') return fixed(expr.items.length);
  if (expr.kind === 'map') return fixed(expr.entries.length);
  if (expr.kind !== 'literal') return undefined;
  if (typeof expr.value === 'string') return fixed([...expr.value].length);
  return expr.value instanceof Uint8Array ? fixed(expr.value.length) : ONE;
}

function isScalar({ kind, name, params }: CelType): boolean {
  if (kind === 'opaque' && name === 'optional_type') return params[0] !== undefined && isScalar(params[0]);
  return ['bool', 'double', 'duration', 'int', 'timestamp', 'uint'].includes(kind);
}
