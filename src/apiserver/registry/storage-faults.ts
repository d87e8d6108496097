import { StorageError } from '../../datastore/storage-error.ts';
import {
  alreadyExists,
  conflict,
  internalError,
  notFound,
  serviceUnavailable,
} from '../../machinery/errors/status-error.ts';
import type { GroupResource } from '../../machinery/object/object.ts';

/** The one place where datastore faults become API errors; anything else passes unchanged. */
export function toApiError(error: unknown, resource: GroupResource, name: string): unknown {
  if (!(error instanceof StorageError)) return error;
  switch (error.fault) {
    case 'key-missing':
      return notFound(resource, name, { cause: error });
    case 'key-exists':
      return alreadyExists(resource, name, { cause: error });
    case 'revision-moved':
      return conflict(resource, name, undefined, { cause: error });
    case 'unavailable':
      return serviceUnavailable(`the datastore is not available: ${error.message}`, { cause: error });
    case 'compacted':
    case 'future':
    case 'corrupt':
      return internalError(error);
    default:
      return error.fault satisfies never;
  }
}
