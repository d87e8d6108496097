import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { certificateSigningRequestResource } from './certificate-signing-request/definition.ts';

export const certificatesKinds: readonly ResourceDefinition[] = [certificateSigningRequestResource];
