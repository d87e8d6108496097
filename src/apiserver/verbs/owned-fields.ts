import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { allExcept, type FieldFilter } from '../../machinery/patch/apply/field-filter.ts';

const notStatus = allExcept('status');
const notSpec = allExcept('spec');
const notSpecNorMetadata = allExcept('spec', 'metadata');

/** Where a resource differs from the rule, by `group/resource` and subresource. */
const exceptions: Readonly<Record<string, FieldFilter>> = {
  'apps/deployments/status': allExcept('spec', 'metadata.labels'),
  '/pods/status': allExcept('spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'),
  '/namespaces/finalize': notStatus,
  'certificates.k8s.io/certificatesigningrequests': allExcept('spec', 'status'),
  'certificates.k8s.io/certificatesigningrequests/status': allExcept('spec', 'status.conditions'),
  'certificates.k8s.io/certificatesigningrequests/approval': allExcept('spec', 'status.certificate'),
  'admissionregistration.k8s.io/validatingadmissionpolicies/status': notSpecNorMetadata,
  'flowcontrol.apiserver.k8s.io/flowschemas/status': notSpecNorMetadata,
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations/status': notSpecNorMetadata,
  'networking.k8s.io/servicecidrs/status': notSpecNorMetadata,
  'resource.k8s.io/resourceclaims/status': notSpecNorMetadata,
  'storage.k8s.io/volumeattachments/status': notSpecNorMetadata,
  'apiregistration.k8s.io/apiservices/status': notSpecNorMetadata,
};

/**
 * What callers of a resource or subresource may own; the rest is undone by its strategy anyway. Undefined for everything.
 *
 * Source: `GetResetFields` of the strategies in `pkg/registry`, as far as their storage hands it on (the parts of pods
 * that are their own subresources do not).
 */
export function ownedFields(definition: ResourceDefinition, subresource: string): FieldFilter | undefined {
  const { group, plural, hasStatus, origin } = definition;
  const exception = exceptions[`${group}/${plural}${subresource === '' ? '' : `/${subresource}`}`];
  if (exception !== undefined && origin === 'builtin') return exception;
  if (subresource === '') return hasStatus ? notStatus : undefined;
  if (subresource !== 'status') return undefined;
  return origin === 'custom' ? notSpecNorMetadata : notSpec;
}
