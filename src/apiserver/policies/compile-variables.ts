import type { PolicyCompiler } from '../../resources/admissionregistration/policy-compiler.ts';
import type { Expression } from './activation.ts';

/** The variables of a policy, each of which may read those before it. */
export function compileVariables(
  compiler: PolicyCompiler,
  variables: readonly { readonly name: string; readonly expression: string }[],
): ReadonlyMap<string, Expression> {
  return new Map(
    variables.map(({ name, expression: source }) => [
      name,
      { source, program: compiler.variableProgram(name, source) },
    ]),
  );
}
