import { StatusError } from '../../machinery/errors/status-error.ts';
import type { ServedResource } from '../served-resource.ts';

/** The resource of a definition that is going: it takes no new objects. Source: apiextensions `customresource_handler.go`. */
export function refusesCreation(resource: ServedResource): ServedResource {
  const { group, plural } = resource.definition;
  return {
    ...resource,
    verbs: {
      ...resource.verbs,
      create: async () => {
        throw new StatusError({
          code: 405,
          reason: 'MethodNotAllowed',
          message: 'create not allowed while custom resource definition is terminating',
          details: { group, kind: plural },
        });
      },
    },
  };
}
