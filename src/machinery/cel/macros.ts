import type { Expr, ExprFactory } from './ast.ts';

/** A macro that is used in a wrong way. */
export class MacroError extends Error {
  override readonly name = 'MacroError';
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** The variable in which comprehensions gather their result; no expression can name it. */
export const ACCUMULATOR = '@result';

const UNUSED = '#unused';

export interface MacroOptions {
  /** Whether `cel.bind(name, value, result)` gives a value a name. Source: cel-go `ext/bindings.go`. */
  readonly hasBind?: boolean | undefined;
}

interface MacroCall {
  readonly at: number;
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

type Expander = (call: MacroCall & { readonly target: Expr }, make: ExprFactory) => Expr;

/**
 * What a call stands for, where it is a macro: by name and number of arguments. Undefined for ordinary calls.
 *
 * Source: cel-go `parser/macro.go`, `ext/comprehensions.go`, `ext/lists.go`, `cel/library.go` (optMap).
 *
 * @throws MacroError
 */
export function expandMacro(call: MacroCall, make: ExprFactory, options: MacroOptions = {}): Expr | undefined {
  const { name, target, args, at } = call;
  if (target === undefined) {
    if (name !== 'has' || args.length !== 1) return undefined;
    const [arg] = args;
    if (arg?.kind !== 'select' || arg.testOnly) throw new MacroError(arg?.at ?? at, 'invalid argument to has() macro');
    return make.select(at, arg.operand, arg.field, true);
  }
  const key = `${name}/${args.length}`;
  if (options.hasBind && key === 'bind/3' && target.kind === 'ident' && target.name === 'cel') {
    const bound = nameOf(arg(call, 0), 'cel.bind() variable names must be simple identifiers');
    return bind(make, at, bound, arg(call, 1), arg(call, 2));
  }
  const expander = Object.hasOwn(macros, key) ? macros[key] : undefined;
  return expander?.({ ...call, target }, make);
}

const macros: Readonly<Record<string, Expander>> = {
  'all/2': (call, make) => quantify(call, make, [nameOf(arg(call, 0))], arg(call, 1), 'all'),
  'exists/2': (call, make) => quantify(call, make, [nameOf(arg(call, 0))], arg(call, 1), 'exists'),
  'exists_one/2': (call, make) => quantify(call, make, [nameOf(arg(call, 0))], arg(call, 1), 'one'),
  'existsOne/2': (call, make) => quantify(call, make, [nameOf(arg(call, 0))], arg(call, 1), 'one'),
  'all/3': (call, make) => quantify(call, make, namesOf(call), arg(call, 2), 'all'),
  'exists/3': (call, make) => quantify(call, make, namesOf(call), arg(call, 2), 'exists'),
  'exists_one/3': (call, make) => quantify(call, make, namesOf(call), arg(call, 2), 'one'),
  'existsOne/3': (call, make) => quantify(call, make, namesOf(call), arg(call, 2), 'one'),
  'map/2': (call, make) => collect(call, make, [identOf(arg(call, 0))], undefined, arg(call, 1)),
  'map/3': (call, make) => collect(call, make, [identOf(arg(call, 0))], arg(call, 1), arg(call, 2)),
  'filter/2'(call, make) {
    const name = identOf(arg(call, 0));
    return collect(call, make, [name], arg(call, 1), make.ident(call.at, name));
  },
  'transformList/3': (call, make) => collect(call, make, namesOf(call), undefined, arg(call, 2)),
  'transformList/4': (call, make) => collect(call, make, namesOf(call), arg(call, 2), arg(call, 3)),
  'transformMap/3': (call, make) => insert(call, make, undefined, arg(call, 2), { withKey: true }),
  'transformMap/4': (call, make) => insert(call, make, arg(call, 2), arg(call, 3), { withKey: true }),
  'transformMapEntry/3': (call, make) => insert(call, make, undefined, arg(call, 2), { withKey: false }),
  'transformMapEntry/4': (call, make) => insert(call, make, arg(call, 2), arg(call, 3), { withKey: false }),
  'optMap/2': (call, make) => optionally(call, make, 'optMap'),
  'optFlatMap/2': (call, make) => optionally(call, make, 'optFlatMap'),
  'sortBy/2': sortBy,
};

function arg(call: MacroCall, at: number): Expr {
  return call.args[at] as Expr;
}

function nameOf(expr: Expr, why = 'argument must be a simple name'): string {
  if (expr.kind !== 'ident' || expr.name.startsWith('.')) throw new MacroError(expr.at, why);
  if (expr.name === ACCUMULATOR || expr.name === '__result__') {
    throw new MacroError(expr.at, 'iteration variable overwrites accumulator variable');
  }
  return expr.name;
}

function identOf(expr: Expr): string {
  return nameOf(expr, 'argument is not an identifier');
}

function namesOf(call: MacroCall): readonly [string, string] {
  const names = [nameOf(arg(call, 0)), nameOf(arg(call, 1))] as const;
  if (names[0] === names[1]) throw new MacroError(arg(call, 1).at, `duplicate variable name: ${names[0]}`);
  return names;
}

type Target = MacroCall & { readonly target: Expr };
type Names = readonly [string, string?];

function quantify(
  { at, target }: Target,
  make: ExprFactory,
  [iterVar, iterVar2]: Names,
  predicate: Expr,
  kind: 'all' | 'exists' | 'one',
): Expr {
  const accu = (): Expr => make.ident(at, ACCUMULATOR);
  const base = { range: target, iterVar, iterVar2, accuVar: ACCUMULATOR };
  switch (kind) {
    case 'all':
      return make.comprehension(at, {
        ...base,
        accuInit: make.literal(at, true),
        condition: make.call(at, '@not_strictly_false', [accu()]),
        step: make.call(at, '_&&_', [accu(), predicate]),
        result: accu(),
      });
    case 'exists':
      return make.comprehension(at, {
        ...base,
        accuInit: make.literal(at, false),
        condition: make.call(at, '@not_strictly_false', [make.call(at, '!_', [accu()])]),
        step: make.call(at, '_||_', [accu(), predicate]),
        result: accu(),
      });
    case 'one':
      return make.comprehension(at, {
        ...base,
        accuInit: make.literal(at, 0n),
        condition: make.literal(at, true),
        step: make.call(at, '_?_:_', [predicate, make.call(at, '_+_', [accu(), make.literal(at, 1n)]), accu()]),
        result: make.call(at, '_==_', [accu(), make.literal(at, 1n)]),
      });
    default:
      return kind satisfies never;
  }
}

/** A list of what `transform` makes of each item that passes. */
function collect(
  { at, target }: Target,
  make: ExprFactory,
  [iterVar, iterVar2]: Names,
  filter: Expr | undefined,
  transform: Expr,
): Expr {
  const accu = (): Expr => make.ident(at, ACCUMULATOR);
  const step = make.call(at, '_+_', [accu(), make.list(at, [transform])]);
  return make.comprehension(at, {
    range: target,
    iterVar,
    iterVar2,
    accuVar: ACCUMULATOR,
    accuInit: make.list(at, []),
    condition: make.literal(at, true),
    step: filter === undefined ? step : make.call(at, '_?_:_', [filter, step, accu()]),
    result: accu(),
  });
}

/** A map of what `transform` makes of each entry that passes. */
function insert(
  call: Target,
  make: ExprFactory,
  filter: Expr | undefined,
  transform: Expr,
  { withKey }: { withKey: boolean },
): Expr {
  const { at, target } = call;
  const [iterVar, iterVar2] = namesOf(call);
  const accu = (): Expr => make.ident(at, ACCUMULATOR);
  const args = withKey ? [accu(), make.ident(at, iterVar), transform] : [accu(), transform];
  const step = make.call(at, 'cel.@mapInsert', args);
  return make.comprehension(at, {
    range: target,
    iterVar,
    iterVar2,
    accuVar: ACCUMULATOR,
    accuInit: make.map(at, []),
    condition: make.literal(at, true),
    step: filter === undefined ? step : make.call(at, '_?_:_', [filter, step, accu()]),
    result: accu(),
  });
}

/** Binds a name for one expression: a loop that is never run. */
function bind(make: ExprFactory, at: number, name: string, value: Expr, result: Expr): Expr {
  return make.comprehension(at, {
    range: make.list(at, []),
    iterVar: UNUSED,
    iterVar2: undefined,
    accuVar: name,
    accuInit: value,
    condition: make.literal(at, false),
    step: make.ident(at, name),
    result,
  });
}

function optionally(call: Target, make: ExprFactory, macro: 'optMap' | 'optFlatMap'): Expr {
  const { at, target } = call;
  const name = nameOf(arg(call, 0), `${macro}() variable name must be a simple identifier`);
  const value = make.call(at, 'value', [], copy(target, make));
  const mapped = bind(make, at, name, value, arg(call, 1));
  return make.call(at, '_?_:_', [
    make.call(at, 'hasValue', [], target),
    macro === 'optMap' ? make.call(at, 'optional.of', [mapped]) : mapped,
    make.call(at, 'optional.none', []),
  ]);
}

const SORT_INPUT = '@__sortBy_input__';

function sortBy(call: Target, make: ExprFactory): Expr {
  const { at, target } = call;
  if (target.kind === 'literal' || target.kind === 'map' || target.kind === 'struct') {
    const why = 'sortBy can only be applied to a list, identifier, comprehension, call or select expression';
    throw new MacroError(target.at, why);
  }
  const keys = collect(
    { ...call, target: make.ident(at, SORT_INPUT) },
    make,
    [identOf(arg(call, 0))],
    undefined,
    arg(call, 1),
  );
  const sorted = make.call(at, '@sortByAssociatedKeys', [keys], make.ident(at, SORT_INPUT));
  return bind(make, at, SORT_INPUT, target, sorted);
}

/** The same expression with numbers of its own. */
function copy(expr: Expr, make: ExprFactory): Expr {
  const again = (inner: Expr): Expr => copy(inner, make);
  const id = make.id();
  switch (expr.kind) {
    case 'literal':
    case 'ident':
      return { ...expr, id };
    case 'select':
      return { ...expr, id, operand: again(expr.operand) };
    case 'call':
      return {
        ...expr,
        id,
        target: expr.target === undefined ? undefined : again(expr.target),
        args: expr.args.map(again),
      };
    case 'list':
      return { ...expr, id, items: expr.items.map(again) };
    case 'map':
      return {
        ...expr,
        id,
        entries: expr.entries.map((entry) => ({ ...entry, key: again(entry.key), value: again(entry.value) })),
      };
    case 'struct':
      return { ...expr, id, fields: expr.fields.map((field) => ({ ...field, value: again(field.value) })) };
    case 'comprehension':
      return {
        ...expr,
        id,
        range: again(expr.range),
        accuInit: again(expr.accuInit),
        condition: again(expr.condition),
        step: again(expr.step),
        result: again(expr.result),
      };
    default:
      return expr satisfies never;
  }
}
