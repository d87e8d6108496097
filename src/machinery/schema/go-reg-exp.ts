import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

/** A regular expression as Go reads it. */
export interface GoRegExp {
  /** Whether it is found anywhere in the text. */
  finds(text: string): boolean;
  readonly compiled: RE2JS;
}

const CACHE_SIZE = 1000;
const cache = new Map<string, GoRegExp | { readonly error: string }>();

/** Compiles RE2's syntax, once for each pattern; `error` is Go's sentence. The library is loaded with the first one. */
export function compileGoRegExp(pattern: string): GoRegExp | { readonly error: string } {
  let expression = cache.get(pattern);
  if (expression === undefined) {
    expression = compile(pattern);
    if (cache.size >= CACHE_SIZE) cache.clear();
    cache.set(pattern, expression);
  }
  return expression;
}

function compile(pattern: string): GoRegExp | { readonly error: string } {
  const { RE2JS: Re2 } = createRequire(import.meta.url)('re2js') as typeof import('re2js');
  try {
    const compiled = Re2.compile(pattern);
    return { compiled, finds: (text) => compiled.matcher(text).find() };
  } catch (error) {
    // The library speaks with Go's sentences.
    return { error: (error as Error).message };
  }
}
