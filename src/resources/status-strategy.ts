import type { KubeObject } from '../machinery/object/object.ts';
import type { Strategy } from '../machinery/object/resource-definition.ts';

interface Parts {
  spec?: unknown;
  status?: unknown;
}

/**
 * A kind whose spec is its users' and whose status is its controllers': creation drops status, updates keep it, updates
 * of status keep the spec.
 *
 * @param options.keepsLabels - Updates of status keep the labels too.
 */
export function specAndStatus<T extends KubeObject>(
  rules: Strategy<T> = {},
  options: { readonly keepsLabels?: boolean } = {},
): Strategy<T> {
  return {
    ...rules,
    prepareForCreate(object, context) {
      (object as Parts).status = undefined;
      rules.prepareForCreate?.(object, context);
    },
    prepareForUpdate(next, previous) {
      (next as Parts).status = (previous as Parts).status;
      rules.prepareForUpdate?.(next, previous);
    },
    prepareForStatusUpdate(next, previous) {
      (next as Parts).spec = (previous as Parts).spec;
      if (options.keepsLabels) next.metadata.labels = previous.metadata.labels;
      rules.prepareForStatusUpdate?.(next, previous);
    },
  };
}
