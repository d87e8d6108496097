import type { AnyObject } from '../../machinery/object/object.ts';
import type { VerbScope } from './scope.ts';

export function trackFields(
  _scope: VerbScope,
  _previous: AnyObject | undefined,
  _next: AnyObject,
  _manager: string,
): void {}
