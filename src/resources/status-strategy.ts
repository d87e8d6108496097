import type { KubeObject } from '../machinery/object/object.ts';
import type { Strategy } from '../machinery/object/resource-definition.ts';

/**
 * A kind whose spec is its users' and whose status is its controllers': creation drops status, updates keep it, updates
 * of status keep the rest.
 */
export function specAndStatus<T extends KubeObject>(rules: Strategy<T> = {}): Strategy<T> {
  return {
    ...rules,
    prepareForCreate(object, context) {
      const parts = object as unknown as Record<string, unknown>;
      parts['status'] = undefined;
      rules.prepareForCreate?.(object, context);
    },
    prepareForUpdate(next, previous) {
      (next as unknown as Record<string, unknown>)['status'] = (previous as unknown as Record<string, unknown>)[
        'status'
      ];
      rules.prepareForUpdate?.(next, previous);
    },
    prepareForStatusUpdate(next, previous) {
      (next as unknown as Record<string, unknown>)['spec'] = (previous as unknown as Record<string, unknown>)['spec'];
      rules.prepareForStatusUpdate?.(next, previous);
    },
  };
}
