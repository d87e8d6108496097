import { type CelType, isSameType } from '../../machinery/cel/cel-type.ts';
import type { Compilation } from '../../machinery/cel/environment.ts';

/** A type as cel-go prints it. */
export function typeText({ name, params }: CelType): string {
  return params.length === 0 ? name : `${name}(${params.map(typeText).join(', ')})`;
}

/** What the compiler says of an expression. */
export interface CompileFault {
  readonly text: string;
  /** Types and syntax are right, and it cannot be made ready all the same: upstream calls that an error of its own. */
  readonly isInternal: boolean;
}

/**
 * What is wrong with an expression that must come to one of some types; any type will do where there are none.
 * Source: apiserver `pkg/admission/plugin/cel/compile.go`.
 */
export function resultFault(compilation: Compilation, allowed: readonly CelType[]): CompileFault | undefined {
  if ('issues' in compilation) {
    const { stage, issues } = compilation;
    return { text: `${stage ?? 'compilation'} failed: ${issues}`, isInternal: stage !== undefined };
  }
  const { outputType } = compilation.compiled;
  if (allowed.length === 0 || allowed.some((type) => isSameType(type, outputType))) return undefined;
  const [first] = allowed;
  const wanted =
    allowed.length === 1 && first !== undefined ? typeText(first) : `one of [${allowed.map(typeText).join(' ')}]`;
  return { text: `must evaluate to ${wanted} but got ${typeText(outputType)}`, isInternal: false };
}
