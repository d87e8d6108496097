import { type CallExpr, type ComprehensionExpr, type Expr, toQualifiedName } from './ast.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DYN,
  ERROR,
  formatSignature,
  formatType,
  INT,
  isSameType,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  param,
  STRING,
  type StructFields,
  UINT,
} from './cel-type.ts';
import type { FunctionDecl } from './functions/function.ts';
import type { Issue } from './issues.ts';
import { assign, assignAll, isDynOrError, type Mapping, mostGeneral, substitute } from './unify.ts';
import { UintValue } from './values.ts';

/** What an expression may refer to. */
export interface Scope {
  /** The type of a variable or of the name of a type. */
  findVariable(name: string): CelType | undefined;
  findFunction(name: string): FunctionDecl | undefined;
  readonly structFields: StructFields;
}

export interface Checked {
  /** With names resolved: variables with dots and functions of namespaces are single nodes. */
  readonly expr: Expr;
  /** Types by the number of the node. */
  readonly types: ReadonlyMap<number, CelType>;
  /** Signatures that a call may turn out to be, by the number of the node. */
  readonly overloads: ReadonlyMap<number, readonly string[]>;
  /** Names of variables that the expression reads, local ones left out. */
  readonly references: ReadonlySet<string>;
}

/** Finds the type of every part of an expression. Source: cel-go `checker/checker.go`. */
export function check(expr: Expr, scope: Scope): { readonly checked: Checked; readonly issues: readonly Issue[] } {
  const checker = new Checker(scope);
  const root = checker.check(expr);
  return { checked: checker.finish(root), issues: checker.issues };
}

class Checker {
  readonly issues: Issue[] = [];
  readonly #scope: Scope;
  readonly #types = new Map<number, CelType>();
  readonly #overloads = new Map<number, readonly string[]>();
  readonly #references = new Set<string>();
  readonly #locals: Map<string, CelType>[] = [];
  #mapping: Mapping = new Map();
  #fresh = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  finish(expr: Expr): Checked {
    const types = new Map([...this.#types].map(([id, type]) => [id, substitute(this.#mapping, type, true)]));
    return { expr, types, overloads: this.#overloads, references: this.#references };
  }

  /** Notes the type of a node and returns it with names resolved. */
  check(expr: Expr): Expr {
    switch (expr.kind) {
      case 'literal':
        this.#types.set(expr.id, literalType(expr.value));
        return expr;
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'comprehension':
        return this.#comprehension(expr);
      default:
        return expr satisfies never;
    }
  }

  #typeOf(expr: Expr): CelType {
    return this.#types.get(expr.id) ?? ERROR;
  }

  #fail(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  #lookup(name: string): CelType | undefined {
    if (!name.startsWith('.')) {
      for (const local of this.#locals.toReversed()) {
        const type = local.get(name);
        if (type !== undefined) return type;
      }
    }
    const global = name.replace(/^\./, '');
    const type = this.#scope.findVariable(global);
    if (type !== undefined) this.#references.add(global);
    return type;
  }

  #ident(expr: Expr & { kind: 'ident' }): Expr {
    const type = this.#lookup(expr.name);
    if (type === undefined) {
      this.#types.set(expr.id, ERROR);
      this.#fail(expr.at, `undeclared reference to '${expr.name}' (in container '')`);
      return expr;
    }
    this.#types.set(expr.id, type);
    return { ...expr, name: expr.name.replace(/^\./, '') };
  }

  #select(expr: Expr & { kind: 'select' }): Expr {
    const qualified = toQualifiedName(expr);
    const type = qualified === undefined ? undefined : this.#lookup(qualified);
    if (qualified !== undefined && type !== undefined) {
      this.#types.set(expr.id, type);
      return { kind: 'ident', id: expr.id, at: expr.at, name: qualified.replace(/^\./, '') };
    }
    const operand = this.check(expr.operand);
    const found = this.#field(expr.at, operand, expr.field, false);
    this.#types.set(expr.id, expr.testOnly ? BOOL : substitute(this.#mapping, found, false));
    return { ...expr, operand };
  }

  #field(at: number, operand: Expr, field: string, optional: boolean): CelType {
    const operandType = substitute(this.#mapping, this.#typeOf(operand), false);
    const unwrapped = unwrapOptional(operandType);
    const target = unwrapped ?? operandType;
    let result: CelType = ERROR;
    switch (target.kind) {
      case 'map':
        result = target.params[1] ?? DYN;
        break;
      case 'struct': {
        const found = this.#scope.structFields(target.name)?.get(field);
        if (found === undefined) this.#fail(at, `undefined field '${field}'`);
        else result = found;
        break;
      }
      case 'param':
        this.#isAssignable(DYN, target);
        result = DYN;
        break;
      default:
        if (!isDynOrError(target)) this.#fail(at, `type '${formatType(target)}' does not support field selection`);
        result = DYN;
    }
    return unwrapped !== undefined || optional ? optionalOf(result) : result;
  }

  #call(expr: CallExpr): Expr {
    if (expr.name === '_?._') return this.#optionalSelect(expr);
    const args = expr.args.map((arg) => this.check(arg));
    const { target } = expr;
    if (target === undefined) {
      const name = expr.name.replace(/^\./, '');
      const found = this.#scope.findFunction(name);
      if (found === undefined) return this.#undeclared(expr, args, undefined);
      return this.#resolve({ ...expr, name, args }, found);
    }
    const prefix = toQualifiedName(target);
    const namespaced = prefix === undefined ? undefined : `${prefix.replace(/^\./, '')}.${expr.name}`;
    const global = namespaced === undefined ? undefined : this.#scope.findFunction(namespaced);
    if (global !== undefined) return this.#resolve({ ...expr, name: global.name, args, target: undefined }, global);
    const checkedTarget = this.check(target);
    const found = this.#scope.findFunction(expr.name);
    if (found === undefined) return this.#undeclared(expr, args, checkedTarget);
    return this.#resolve({ ...expr, args, target: checkedTarget }, found);
  }

  #undeclared(expr: CallExpr, args: readonly Expr[], target: Expr | undefined): Expr {
    this.#types.set(expr.id, ERROR);
    this.#fail(expr.at, `undeclared reference to '${expr.name}' (in container '')`);
    return { ...expr, args, target };
  }

  #optionalSelect(expr: CallExpr): Expr {
    const [first, field] = expr.args;
    const operand = this.check(first as Expr);
    if (field?.kind !== 'literal' || typeof field.value !== 'string') {
      this.#fail(field?.at ?? expr.at, 'unsupported optional field selection');
      this.#types.set(expr.id, ERROR);
      return expr;
    }
    const type = this.#field(expr.at, operand, field.value, true);
    this.#types.set(expr.id, substitute(this.#mapping, type, false));
    this.#types.set(field.id, STRING);
    this.#overloads.set(expr.id, ['select_optional_field']);
    return { ...expr, args: [operand, field] };
  }

  #resolve(expr: CallExpr, decl: FunctionDecl): Expr {
    const { target, args } = expr;
    const given = (target === undefined ? args : [target, ...args]).map((arg) => this.#typeOf(arg));
    if (expr.name === '_&&_' || expr.name === '_||_') return this.#logical(expr, given);
    let result: CelType | undefined;
    const ids: string[] = [];
    for (const candidate of decl.overloads) {
      if (candidate.member !== (target !== undefined)) continue;
      const fresh = new Map<string, CelType>();
      const [resultType, ...argTypes] = [candidate.result, ...candidate.args].map((type) =>
        this.#instantiate(type, fresh),
      );
      const mapping = assignAll(this.#mapping, given, argTypes as CelType[]);
      if (mapping === undefined) continue;
      this.#mapping = mapping;
      ids.push(candidate.id);
      const own = substitute(mapping, resultType as CelType, false);
      if (result === undefined) result = own;
      else if (result.kind !== 'dyn' && !isSameType(own, result)) result = DYN;
    }
    if (result === undefined) {
      const shown = given.map((type) => substitute(this.#mapping, type, true));
      const signature = formatSignature(shown, target !== undefined);
      this.#fail(expr.at, `found no matching overload for '${expr.name}' applied to '${signature}'`);
      this.#types.set(expr.id, ERROR);
      return expr;
    }
    this.#types.set(expr.id, result);
    this.#overloads.set(expr.id, ids);
    return expr;
  }

  #logical(expr: CallExpr, given: readonly CelType[]): Expr {
    let isValid = true;
    for (const [at, type] of given.entries()) {
      if (this.#isAssignable(type, BOOL)) continue;
      isValid = false;
      this.#mismatch(expr.args[at]?.at ?? expr.at, BOOL, type);
    }
    this.#types.set(expr.id, isValid ? BOOL : ERROR);
    this.#overloads.set(expr.id, [expr.name === '_&&_' ? 'logical_and' : 'logical_or']);
    return expr;
  }

  /** The type with parameters of its own. */
  #instantiate(type: CelType, fresh: Map<string, CelType>): CelType {
    if (type.kind === 'param') {
      const known = fresh.get(type.name) ?? this.#newParam();
      fresh.set(type.name, known);
      return known;
    }
    if (type.params.length === 0) return type;
    return { ...type, params: type.params.map((each) => this.#instantiate(each, fresh)) };
  }

  #newParam(): CelType {
    return param(`_var${this.#fresh++}`);
  }

  #isAssignable(left: CelType, right: CelType): boolean {
    const mapping = assign(this.#mapping, left, right);
    if (mapping !== undefined) this.#mapping = mapping;
    return mapping !== undefined;
  }

  #mismatch(at: number, expected: CelType, actual: CelType): void {
    this.#fail(at, `expected type '${formatType(expected)}' but found '${formatType(actual)}'`);
  }

  /** The type of items or entries so far, with one more. */
  #join(previous: CelType | undefined, current: CelType): CelType {
    if (previous === undefined) return current;
    return this.#isAssignable(previous, current) ? mostGeneral(previous, current) : DYN;
  }

  /** The type of an item that is left out where it is empty. */
  #optionalItem(expr: Expr, isOptional: boolean): CelType {
    const type = this.#typeOf(expr);
    if (!isOptional) return type;
    const inner = unwrapOptional(type);
    if (inner === undefined && type.kind !== 'dyn') this.#mismatch(expr.at, optionalOf(type), type);
    return inner ?? type;
  }

  #list(expr: Expr & { kind: 'list' }): Expr {
    let type: CelType | undefined;
    const items = expr.items.map((item, index) => {
      const checked = this.check(item);
      type = this.#join(type, this.#optionalItem(checked, expr.optional.has(index)));
      return checked;
    });
    this.#types.set(expr.id, listOf(type ?? this.#newParam()));
    return { ...expr, items };
  }

  #map(expr: Expr & { kind: 'map' }): Expr {
    let keyType: CelType | undefined;
    let valueType: CelType | undefined;
    const entries = expr.entries.map((entry) => {
      const key = this.check(entry.key);
      keyType = this.#join(keyType, this.#typeOf(key));
      const value = this.check(entry.value);
      valueType = this.#join(valueType, this.#optionalItem(value, entry.optional));
      return { ...entry, key, value };
    });
    this.#types.set(expr.id, mapOf(keyType ?? this.#newParam(), valueType ?? this.#newParam()));
    return { ...expr, entries };
  }

  #struct(expr: Expr & { kind: 'struct' }): Expr {
    const named = this.#lookup(expr.typeName);
    const fields = expr.fields.map((field) => ({ ...field, value: this.check(field.value) }));
    if (named === undefined) {
      this.#fail(expr.at, `undeclared reference to '${expr.typeName}' (in container '')`);
      this.#types.set(expr.id, ERROR);
      return { ...expr, fields };
    }
    const [type] = named.params;
    if (named.kind !== 'type' || type?.kind !== 'struct') {
      const what = named.kind === 'type' ? 'a message type' : 'a type';
      this.#fail(expr.at, `'${formatType(type ?? named)}' is not ${what}`);
      this.#types.set(expr.id, ERROR);
      return { ...expr, fields };
    }
    this.#types.set(expr.id, type);
    for (const field of fields) {
      const declared = this.#scope.structFields(type.name)?.get(field.name);
      if (declared === undefined) {
        this.#fail(field.at, `undefined field '${field.name}'`);
        continue;
      }
      const given = this.#optionalItem(field.value, field.optional);
      if (this.#isAssignable(declared, given)) continue;
      const [wanted, actual] = [formatType(declared), formatType(given)];
      this.#fail(field.at, `expected type of field '${field.name}' is '${wanted}' but provided type is '${actual}'`);
    }
    return { ...expr, typeName: type.name, fields };
  }

  #comprehension(expr: ComprehensionExpr): Expr {
    const range = this.check(expr.range);
    const accuInit = this.check(expr.accuInit);
    const rangeType = substitute(this.#mapping, this.#typeOf(range), false);
    const accuType = this.#typeOf(accuInit);
    this.#locals.push(new Map([[expr.accuVar, accuType]]));
    const [first, second] = this.#iterTypes(expr, rangeType);
    const loop = new Map([[expr.iterVar, first]]);
    if (expr.iterVar2 !== undefined) loop.set(expr.iterVar2, second);
    this.#locals.push(loop);
    const condition = this.check(expr.condition);
    this.#assertType(condition, BOOL);
    const step = this.check(expr.step);
    this.#assertType(step, accuType);
    this.#locals.pop();
    const result = this.check(expr.result);
    this.#locals.pop();
    this.#types.set(expr.id, substitute(this.#mapping, this.#typeOf(result), false));
    return { ...expr, range, accuInit, condition, step, result };
  }

  #assertType(expr: Expr, wanted: CelType): void {
    const type = this.#typeOf(expr);
    if (!this.#isAssignable(wanted, type)) this.#mismatch(expr.at, wanted, type);
  }

  /** The types of the two variables of a loop. */
  #iterTypes(expr: ComprehensionExpr, range: CelType): readonly [CelType, CelType] {
    const [first = DYN, second = DYN] = range.params;
    switch (range.kind) {
      case 'list':
        return expr.iterVar2 === undefined ? [first, DYN] : [INT, first];
      case 'map':
        return [first, second];
      case 'dyn':
      case 'error':
      case 'param':
        this.#isAssignable(DYN, range);
        return [DYN, DYN];
      default:
        this.#fail(
          expr.range.at,
          `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [ERROR, ERROR];
    }
  }
}

function unwrapOptional(type: CelType): CelType | undefined {
  return type.kind === 'opaque' && type.name === 'optional_type' ? type.params[0] : undefined;
}

function literalType(value: unknown): CelType {
  switch (typeof value) {
    case 'boolean':
      return BOOL;
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'string':
      return STRING;
    default:
      break;
  }
  if (value === null) return NULL;
  return value instanceof UintValue ? UINT : BYTES;
}
