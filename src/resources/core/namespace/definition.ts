import type { Namespace } from '../../../generated/api/core/v1.ts';
import { namespaces } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import type { Strategy } from '../../../machinery/object/resource-definition.ts';
import { qualifiedNameFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

function checkFinalizer(name: string, path: string, faults: FieldFaults): void {
  faults.invalidFor(path, name, qualifiedNameFaults(name));
  if (!name.includes('/') && !STANDARD_FINALIZERS.has(name))
    faults.invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified');
}

/** Source: core/validation (ValidateNamespace). */
function validate({ spec }: Namespace): readonly FieldError[] {
  const faults = new FieldFaults();
  for (const name of spec?.finalizers ?? []) checkFinalizer(name, 'spec.finalizers', faults);
  return faults.list;
}

/** An update through `namespaces/finalize`. Source: core/validation (ValidateNamespaceFinalizeUpdate). */
export function validateFinalize({ spec }: Namespace): readonly FieldError[] {
  const faults = new FieldFaults();
  spec?.finalizers?.forEach((name, index) => {
    checkFinalizer(name, `spec.finalizers[${index}]`, faults);
  });
  return faults.list;
}

/** Source: core/validation (ValidateNamespaceStatusUpdate). */
function validateStatus({ metadata, status }: Namespace): readonly FieldError[] {
  const faults = new FieldFaults();
  const isDeleted = metadata.deletionTimestamp !== undefined;
  const wanted = isDeleted ? 'Terminating' : 'Active';
  const phase = status?.phase ?? '';
  if (phase !== wanted) {
    const why = `may only be '${wanted}' if \`deletionTimestamp\` is ${isDeleted ? 'not ' : ''}empty`;
    faults.invalid('status.Phase', phase, why);
  }
  return faults.list;
}

/** Source: pkg/registry/core/namespace/strategy.go. */
const strategy: Strategy<Namespace> = {
  applyDefaults(object) {
    object.status ??= {};
    if (!object.status.phase) object.status.phase = 'Active';
    const { name } = object.metadata;
    if (name) object.metadata.labels = { ...object.metadata.labels, [NAME_LABEL]: name };
  },
  prepareForCreate(object) {
    object.status = { phase: 'Active' };
    object.spec ??= {};
    const finalizers = object.spec.finalizers ?? [];
    if (!finalizers.includes('kubernetes')) object.spec.finalizers = [...finalizers, 'kubernetes'];
    // A generated name was not known when defaults were filled in.
    object.metadata.labels = { ...object.metadata.labels, [NAME_LABEL]: object.metadata.name ?? '' };
  },
  validateCreate: validate,
  prepareForUpdate(next, previous) {
    next.spec = previous.spec;
    next.status = previous.status;
    next.metadata.labels = { ...next.metadata.labels, [NAME_LABEL]: next.metadata.name ?? '' };
  },
  validateUpdate: validate,
  prepareForStatusUpdate(next, previous) {
    next.spec = previous.spec;
  },
  validateStatusUpdate: validateStatus,
};

export const namespaceResource = defineResource(namespaces, {
  cells: { Status: ({ status }) => status?.phase ?? '' },
  selectableFields: {
    'status.phase': ({ status }) => status?.phase ?? '',
  },
  strategy,
});
