import { LazyPart } from '../checks/lazy-part.ts';

/** The compiler of expressions: few clusters have policies, or webhooks with conditions. */
export const policyExpressions = new LazyPart(() => import('./policy-compiler.ts'));
