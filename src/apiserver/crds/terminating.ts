import { forbidden } from '../../machinery/errors/status-error.ts';
import type { ServedResource } from '../served-resource.ts';
import { decodeBody } from '../verbs/decode-body.ts';

/** The resource of a definition that is going: it takes no new objects. Source: apiextensions `customresource_handler.go`. */
export function refusesCreation(resource: ServedResource): ServedResource {
  const { definition } = resource;
  return {
    ...resource,
    verbs: {
      ...resource.verbs,
      create: async (call) => {
        const { metadata } = await decodeBody(call, definition, 'Ignore');
        const why = 'create not allowed while custom resource definition is terminating';
        throw forbidden({ group: definition.group, resource: definition.plural }, metadata.name ?? '', why);
      },
    },
  };
}
