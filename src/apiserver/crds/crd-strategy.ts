import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition, Strategy } from '../../machinery/object/resource-definition.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { validateCrd, validateCrdStatus } from './crd-validation.ts';
import { formatWarnings } from './format-warnings.ts';

/**
 * The rules of definitions, behind those that their record has already.
 *
 * Source: apiextensions-apiserver `pkg/registry/customresourcedefinition/strategy.go`, `pkg/apis/apiextensions/v1/defaults.go`.
 */
export function withCrdRules(definition: ResourceDefinition): ResourceDefinition {
  const { strategy } = definition;
  const rules: Strategy<AnyObject> = {
    ...strategy,
    applyDefaults(object) {
      strategy.applyDefaults?.(object);
      fillNames(asCrd(object));
    },
    prepareForCreate(object, context) {
      strategy.prepareForCreate?.(object, context);
      object['status'] = {};
      addStoredVersions(asCrd(object));
    },
    validateCreate: (object) => [...(strategy.validateCreate?.(object) ?? []), ...validateCrd(asCrd(object))],
    prepareForUpdate(next, previous) {
      strategy.prepareForUpdate?.(next, previous);
      next['status'] = cloneJson(previous['status']);
      addStoredVersions(asCrd(next));
    },
    validateUpdate: (next, previous) => [
      ...(strategy.validateUpdate?.(next, previous) ?? []),
      ...validateCrd(asCrd(next), asCrd(previous)),
    ],
    warningsOnCreate: (object) => [...(strategy.warningsOnCreate?.(object) ?? []), ...formatWarnings(asCrd(object))],
    warningsOnUpdate: (next, previous) => [
      ...(strategy.warningsOnUpdate?.(next, previous) ?? []),
      ...formatWarnings(asCrd(next), asCrd(previous)),
    ],
    validateStatusUpdate: (next, previous) => [
      ...(strategy.validateStatusUpdate?.(next, previous) ?? []),
      ...validateCrdStatus(asCrd(next)),
    ],
  };
  // The shape of a record is compiled when first asked for; a copy must not ask.
  const parts = Object.getOwnPropertyDescriptors(definition);
  return Object.defineProperties({}, { ...parts, strategy: { value: rules, enumerable: true } }) as ResourceDefinition;
}

function asCrd(object: AnyObject): CustomResourceDefinition {
  return object as unknown as CustomResourceDefinition;
}

/** What is left out of a definition is empty to the rules, as Go's structs are. */
function fillNames(crd: CustomResourceDefinition): void {
  crd.spec ??= {} as CustomResourceDefinition['spec'];
  const { spec } = crd;
  spec.group ??= '';
  spec.scope ??= '';
  spec.names ??= {} as CustomResourceDefinition['spec']['names'];
  for (const version of spec.versions ?? []) version.name ??= '';
  const { names } = spec;
  names.plural ??= '';
  names.kind ??= '';
  if (names.kind) {
    if (!names.singular) names.singular = names.kind.toLowerCase();
    if (!names.listKind) names.listKind = `${names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined) service.port ??= 443;
  if (crd.status && (crd.status.storedVersions ?? []).length === 0) addStoredVersions(crd);
}

/** A version in which objects were stored once is told of until somebody says that none are left. */
function addStoredVersions(crd: CustomResourceDefinition): void {
  if (crd.status === undefined || crd.status === null) return;
  const stored = crd.status.storedVersions ?? [];
  const name = crd.spec?.versions?.find(({ storage }) => storage)?.name;
  crd.status.storedVersions = name === undefined || stored.includes(name) ? stored : [...stored, name];
}
