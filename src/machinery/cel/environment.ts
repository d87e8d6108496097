import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  TIMESTAMP,
  typeOf,
  UINT,
} from './cel-type.ts';
import { type Checked, check } from './checker.ts';
import { type Evaluation, type Program, toProgram } from './evaluator.ts';
import { addressFunctions, CIDR, IP } from './functions/addresses.ts';
import { calendarFunctions } from './functions/calendar.ts';
import { conversionFunctions } from './functions/conversions.ts';
import type { FunctionDecl } from './functions/function.ts';
import { listFunctions } from './functions/lists.ts';
import { FORMAT, formatFunctions } from './functions/named-formats.ts';
import { optionalFunctions } from './functions/optionals.ts';
import { QUANTITY, quantityFunctions } from './functions/quantities.ts';
import { regexFunctions } from './functions/regex.ts';
import { SEMVER, semverFunctions } from './functions/semvers.ts';
import { standardFunctions } from './functions/standard.ts';
import { stringFunctions } from './functions/strings.ts';
import { URL_TYPE, urlFunctions } from './functions/urls.ts';
import { type Issue, toIssueText } from './issues.ts';
import { checkLiterals } from './literal-checks.ts';
import type { MacroOptions } from './macros.ts';
import { parse } from './parser.ts';
import { CelError, type CelValue, TypeValue } from './values.ts';

export interface EnvironmentOptions extends MacroOptions {
  /** Types of the variables that expressions may read. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** Fields of struct types, by the name of the type. */
  readonly structs?: ReadonlyMap<string, ReadonlyMap<string, CelType>> | undefined;
  /** Functions beside those of Kubernetes 1.36; signatures of the same name are added to them. */
  readonly functions?: readonly FunctionDecl[] | undefined;
}

/** An expression that compiled. */
export interface Compiled extends Checked {
  readonly outputType: CelType;
  readonly run: Program;
}

/** @param stage - Set where the text is in order, but cannot be made ready to run. */
export type Compilation =
  | { readonly compiled: Compiled }
  | { readonly issues: string; readonly stage?: 'program instantiation' | undefined };

const typeNames: Readonly<Record<string, CelType>> = {
  bool: BOOL,
  bytes: BYTES,
  double: DOUBLE,
  int: INT,
  list: listOf(DYN),
  map: mapOf(DYN, DYN),
  null_type: NULL,
  string: STRING,
  uint: UINT,
  type: typeOf(DYN),
  'google.protobuf.Timestamp': TIMESTAMP,
  'google.protobuf.Duration': DURATION,
  optional_type: optionalOf(DYN),
  'net.IP': IP,
  'net.CIDR': CIDR,
  'kubernetes.Quantity': QUANTITY,
  'kubernetes.URL': URL_TYPE,
  'kubernetes.Semver': SEMVER,
  'kubernetes.NamedFormat': FORMAT,
};

const libraries = [
  standardFunctions,
  conversionFunctions,
  calendarFunctions,
  optionalFunctions,
  stringFunctions,
  listFunctions,
  regexFunctions,
  urlFunctions,
  quantityFunctions,
  addressFunctions,
  semverFunctions,
  formatFunctions,
];

function merge(base: ReadonlyMap<string, FunctionDecl>, added: readonly FunctionDecl[]): Map<string, FunctionDecl> {
  const merged = new Map(base);
  for (const { name, overloads } of added) {
    const known = merged.get(name)?.overloads ?? [];
    merged.set(name, { name, overloads: [...known, ...overloads] });
  }
  return merged;
}

const kubernetesFunctions: ReadonlyMap<string, FunctionDecl> = merge(new Map(), libraries.flat());

/**
 * Compiles expressions: the language, its macros and the libraries of Kubernetes 1.36, with variables of its own.
 *
 * Source: apiserver `pkg/cel/environment/base.go`.
 */
export class Environment {
  readonly #options: EnvironmentOptions;
  readonly #functions: ReadonlyMap<string, FunctionDecl>;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.#functions =
      options.functions === undefined ? kubernetesFunctions : merge(kubernetesFunctions, options.functions);
  }

  /** Reads and checks an expression; `issues` is what upstream says of it where something is wrong. */
  compile(source: string): Compilation {
    try {
      return this.#compile(source);
    } catch (error) {
      // What can be computed once is computed before the first run.
      if (error instanceof CelError) return { issues: error.message, stage: 'program instantiation' };
      // Chains that are longer than the stack is deep.
      if (error instanceof RangeError)
        return { issues: toIssueText([{ at: 0, message: 'expression is too complex' }], source) };
      throw error;
    }
  }

  #compile(source: string): Compilation {
    const parsed = parse(source, this.#options);
    if (parsed.expr === undefined) return { issues: toIssueText(parsed.issues, source) };
    const { checked, issues } = check(parsed.expr, {
      findVariable: (name) => this.#findVariable(name),
      findFunction: (name) => this.#functions.get(name),
      structFields: (name) => this.#options.structs?.get(name),
    });
    const wrong = issues.length > 0 ? distinct(issues) : checkLiterals(checked);
    if (wrong.length > 0) return { issues: toIssueText(wrong, source) };
    const program = toProgram(checked, {
      findFunction: (name) => this.#functions.get(name),
      isVariable: (name) => this.#isVariable(name),
    });
    const run: Program = (variables, options): Evaluation =>
      program((name) => {
        const value = variables(name);
        // Null is a value: an object that is not there.
        return value === undefined ? typeValue(name) : value;
      }, options);
    return { compiled: { ...checked, outputType: checked.types.get(checked.expr.id) ?? DYN, run } };
  }

  #isVariable(name: string): boolean {
    return Object.hasOwn(this.#options.variables, name);
  }

  #findVariable(name: string): CelType | undefined {
    const { variables, structs } = this.#options;
    if (Object.hasOwn(variables, name)) return variables[name];
    if (Object.hasOwn(typeNames, name)) return typeOf(typeNames[name] as CelType);
    return structs?.has(name) ? typeOf({ kind: 'struct', name, params: [] }) : undefined;
  }
}

function typeValue(name: string): CelValue | undefined {
  return Object.hasOwn(typeNames, name) || name.includes('.') ? new TypeValue(name) : undefined;
}

function distinct(issues: readonly Issue[]): readonly Issue[] {
  return issues.filter(
    (issue, at) => issues.findIndex((other) => other.at === issue.at && other.message === issue.message) === at,
  );
}
