import { LazyPart } from '../checks/lazy-part.ts';

/** The compiler of selectors: few clusters have devices. */
export const selectorExpressions = new LazyPart(() => import('./selector-compiler.ts'));
