import { BOOL, type CelType, DYN, listOf, NULL, STRING, struct } from '../../machinery/cel/cel-type.ts';
import { type Compilation, type Compiled, Environment } from '../../machinery/cel/environment.ts';
import type { FunctionDecl } from '../../machinery/cel/functions/function.ts';
import { type CompileFault, resultFault } from '../checks/expression-result.ts';
import {
  AUTHORIZER,
  authorizerFunctions,
  JSON_PATCH,
  NAMESPACE,
  OBJECT,
  patchFunctions,
  REQUEST,
  RESOURCE_CHECK,
  requestStructs,
  withPatchStructs,
} from './request-types.ts';

/** What an expression is for decides what it may come to. */
const results = {
  condition: [BOOL],
  validation: [BOOL],
  message: [STRING],
  annotation: [STRING, NULL],
  applyConfiguration: [OBJECT],
  jsonPatch: [listOf(JSON_PATCH)],
} as const satisfies Readonly<Record<string, readonly CelType[]>>;

export type Purpose = keyof typeof results;

const VARIABLES = struct('kubernetes.variables');

export interface PolicyCompilerOptions {
  readonly hasParams: boolean;
  /** Whether expressions may read the policy's variables. */
  readonly hasVariables: boolean;
  /** The authorizer's functions; those of a server that evaluates can be called. Default: declared only. */
  readonly accessFunctions?: readonly FunctionDecl[] | undefined;
  /** What is known of the objects. Default: nothing, everything may be asked of them. */
  readonly types?: ObjectTypes | undefined;
}

/** Types of the objects that a policy sees; absent ones are open. */
export interface ObjectTypes {
  readonly object: CelType | undefined;
  readonly params: CelType | undefined;
  /** Their fields, and those of what is inside of them. */
  readonly structs: ReadonlyMap<string, ReadonlyMap<string, CelType>>;
}

/** A program, or what is wrong with the expression in upstream's words. */
export type PolicyProgram = { readonly compiled: Compiled } | { readonly fault: string };

/**
 * Compiles the expressions of one policy or webhook, its variables one after the other.
 * Source: apiserver `pkg/admission/plugin/cel/{compile,composition}.go`.
 */
export class PolicyCompiler {
  readonly #options: PolicyCompilerOptions;
  readonly #variables = new Map<string, CelType>();

  constructor(options: PolicyCompilerOptions) {
    this.#options = options;
  }

  /** What is wrong with an expression, in upstream's words. */
  fault(expression: string, purpose: Purpose): CompileFault | undefined {
    return resultFault(this.#compile(expression, purpose), results[purpose]);
  }

  /** What does not fit the types of what an expression reads, whatever it comes to. */
  issues(expression: string): string | undefined {
    const compilation = this.#compile(expression, 'validation');
    return 'issues' in compilation ? compilation.issues : undefined;
  }

  program(expression: string, purpose: Purpose): PolicyProgram {
    return toProgram(this.#compile(expression, purpose), results[purpose]);
  }

  /** The same for a variable, which later expressions may read. */
  variableFault(name: string, expression: string): CompileFault | undefined {
    return resultFault(this.#compileVariable(name, expression), []);
  }

  variableProgram(name: string, expression: string): PolicyProgram {
    return toProgram(this.#compileVariable(name, expression), []);
  }

  #compileVariable(name: string, expression: string): Compilation {
    const compilation = this.#compile(expression, 'validation');
    this.#variables.set(name, 'issues' in compilation ? DYN : variableType(compilation.compiled.outputType));
    return compilation;
  }

  #compile(expression: string, purpose: Purpose): Compilation {
    const { hasParams, hasVariables, accessFunctions = authorizerFunctions, types } = this.#options;
    const readsVariables = hasVariables && purpose !== 'condition';
    const writesPatches = purpose === 'applyConfiguration' || purpose === 'jsonPatch';
    const structs = new Map([...requestStructs, ...(types?.structs ?? [])]);
    const object = types?.object ?? DYN;
    if (readsVariables) structs.set(VARIABLES.name, this.#variables);
    return new Environment({
      variables: {
        object,
        oldObject: object,
        namespaceObject: NAMESPACE,
        request: REQUEST,
        ...(hasParams ? { params: types?.params ?? DYN } : {}),
        ...(purpose === 'message' ? {} : { authorizer: AUTHORIZER }),
        // Upstream does not declare it where it checks types.
        ...(purpose === 'message' || types !== undefined ? {} : { 'authorizer.requestResource': RESOURCE_CHECK }),
        ...(readsVariables ? { variables: VARIABLES } : {}),
      },
      structs: writesPatches ? withPatchStructs(structs) : structs,
      functions: writesPatches ? [...accessFunctions, ...patchFunctions] : accessFunctions,
    }).compile(expression);
  }
}

function toProgram(compilation: Compilation, allowed: readonly CelType[]): PolicyProgram {
  const fault = resultFault(compilation, allowed);
  if (fault !== undefined) return { fault: fault.text };
  return compilation as { readonly compiled: Compiled };
}

const plain = new Set<CelType['kind']>([
  'bool',
  'bytes',
  'double',
  'duration',
  'int',
  'null',
  'string',
  'timestamp',
  'uint',
]);

/** What others see of a variable: types of libraries are open to them. */
function variableType(type: CelType): CelType {
  if (plain.has(type.kind)) return type;
  if (type.kind !== 'list' && type.kind !== 'map') return DYN;
  return { ...type, params: type.params.map(variableType) };
}
