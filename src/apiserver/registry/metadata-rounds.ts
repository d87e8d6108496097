import type { FieldError } from '../../machinery/errors/field-error.ts';
import type { ObjectMeta } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { validateKubeFinalizers, validateMetadata, validateMetadataUpdate } from './metadata-validation.ts';
import { asksForKubeFinalizers, nameRuleOf, validatePathSegment } from './name-rules.ts';

/**
 * How a kind's own rules look at metadata on an update, beside the look that is the same for every kind: `W` as a whole,
 * `U` at the change. Upstream calls both, in orders that differ by kind, and clients see a fault once for each look.
 */
export type MetadataRounds = '' | 'U' | 'W' | 'UW' | 'WU' | 'WW';

/** Those that differ from a look at the change alone. Source: `ValidateUpdate` of the strategies in `pkg/registry`. */
const ofUpdate: Readonly<Record<string, MetadataRounds>> = {
  '/configmaps': 'UW',
  '/endpoints': 'UW',
  '/events': '',
  '/limitranges': 'W',
  '/namespaces': 'WU',
  '/nodes': 'WU',
  '/persistentvolumeclaims': 'UW',
  '/persistentvolumes': 'WW',
  '/pods': 'UW',
  '/secrets': 'UW',
  '/serviceaccounts': 'UW',
  'admissionregistration.k8s.io/mutatingadmissionpolicies': 'W',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': 'W',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': 'W',
  'admissionregistration.k8s.io/validatingadmissionpolicies': 'W',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': 'W',
  'admissionregistration.k8s.io/validatingwebhookconfigurations': 'W',
  'apiregistration.k8s.io/apiservices': 'UW',
  'apps/controllerrevisions': 'UW',
  'batch/jobs': 'WU',
  'certificates.k8s.io/certificatesigningrequests': 'WU',
  'discovery.k8s.io/endpointslices': 'W',
  'flowcontrol.apiserver.k8s.io/flowschemas': 'W',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations': 'W',
  'networking.k8s.io/ingressclasses': 'UW',
  'networking.k8s.io/ingresses': 'UW',
  'networking.k8s.io/ipaddresses': 'WU',
  'node.k8s.io/runtimeclasses': 'WU',
  'policy/poddisruptionbudgets': '',
  'rbac.authorization.k8s.io/clusterrolebindings': 'WU',
  'rbac.authorization.k8s.io/clusterroles': 'WU',
  'rbac.authorization.k8s.io/rolebindings': 'WU',
  'rbac.authorization.k8s.io/roles': 'WU',
  'resource.k8s.io/deviceclasses': 'WU',
  'resource.k8s.io/resourceclaims': 'WU',
  'resource.k8s.io/resourceclaimtemplates': 'WU',
  'storage.k8s.io/csinodes': 'W',
  'storage.k8s.io/csistoragecapacities': 'WU',
  'storage.k8s.io/storageclasses': 'WU',
  'storage.k8s.io/volumeattachments': 'W',
  'storage.k8s.io/volumeattributesclasses': 'UW',
};

/** The same for updates of the status. */
const ofStatusUpdate: Readonly<Record<string, MetadataRounds>> = {
  'admissionregistration.k8s.io/validatingadmissionpolicies': '',
  'batch/cronjobs': '',
  'certificates.k8s.io/certificatesigningrequests': 'WU',
  'flowcontrol.apiserver.k8s.io/flowschemas': '',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations': '',
  'policy/poddisruptionbudgets': '',
};

/** @param part - `status` where the update is one of the status alone. */
export function metadataRoundsOf(
  { group, plural }: { readonly group: string; readonly plural: string },
  part: 'object' | 'status',
): MetadataRounds {
  return (part === 'status' ? ofStatusUpdate : ofUpdate)[`${group}/${plural}`] ?? 'U';
}

/** Kinds whose own rules for new objects leave metadata to the general ones, which come when nothing else is wrong. */
const judgedLast = new Set(['/events', 'policy/poddisruptionbudgets']);

export function judgesMetadataLast({ group, plural }: { readonly group: string; readonly plural: string }): boolean {
  return judgedLast.has(`${group}/${plural}`);
}

/** Every fault of an update's metadata: those that all kinds look for, then those of the kind's own rounds. */
export function validateUpdatedMetadata(
  next: ObjectMeta,
  previous: ObjectMeta,
  definition: ResourceDefinition,
  rounds: MetadataRounds,
): readonly FieldError[] {
  const { namespaced } = definition;
  const changes = validateMetadataUpdate(next, previous);
  const faults = [...validateMetadata(next, { namespaced, nameRule: validatePathSegment }), ...changes];
  // The rounds find nothing that is not found before, but for names and finalizers.
  const finalizers = asksForKubeFinalizers(definition) ? validateKubeFinalizers(next) : [];
  for (const round of rounds) {
    if (round === 'W') faults.push(...validateMetadata(next, { namespaced, nameRule: nameRuleOf(definition) }));
    else faults.push(...changes);
    faults.push(...finalizers);
  }
  return faults;
}
