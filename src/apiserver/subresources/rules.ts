import type { CertificateSigningRequest } from '../../generated/api/certificates/v1.ts';
import type { Namespace } from '../../generated/api/core/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import {
  prepareForApproval,
  validateApproval,
} from '../../resources/certificates/certificate-signing-request/definition.ts';
import { validateFinalize } from '../../resources/core/namespace/definition.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { keepField, type UpdateRules } from '../registry/update-rules.ts';

/** What an update through `namespaces/finalize` may change: the finalizers of the spec, and metadata. */
export function finalizeRules(): UpdateRules {
  return {
    prepare(next, previous) {
      keepField(next, previous, 'status');
    },
    validate: (next) => validateFinalize(next as unknown as Namespace),
    warnings: () => [],
  };
}

/** What an update through `certificatesigningrequests/approval` may change: the conditions that approve or deny. */
export const approvalRules: UpdateRules = {
  prepare(next, previous) {
    prepareForApproval(next as unknown as CertificateSigningRequest, previous as unknown as CertificateSigningRequest);
  },
  metadata: 'WU',
  validate: (next, previous) =>
    validateApproval(next as unknown as CertificateSigningRequest, previous as unknown as CertificateSigningRequest),
  warnings: () => [],
};

/** The metadata that an update of a pod's subresource may touch: none but the revision and managed fields. */
export function keepPodBut(
  next: AnyObject,
  previous: AnyObject,
  change: (spec: PodSpecParts, from: PodSpecParts) => void,
): void {
  const wanted = (next['spec'] ?? {}) as PodSpecParts;
  const { resourceVersion, managedFields } = next.metadata;
  next.metadata = cloneJson(previous.metadata);
  if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
  if (managedFields !== undefined) next.metadata.managedFields = managedFields;
  const spec = cloneJson((previous['spec'] ?? {}) as PodSpecParts);
  change(spec, wanted);
  next['spec'] = spec;
  keepField(next, previous, 'status');
}

export interface PodSpecParts {
  containers?: ContainerParts[];
  initContainers?: ContainerParts[];
  ephemeralContainers?: unknown[];
  resources?: unknown;
}

export interface ContainerParts {
  name?: string | undefined;
  resources?: unknown;
  resizePolicy?: unknown;
}
