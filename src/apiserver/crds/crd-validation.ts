import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import {
  type FieldError,
  fieldDuplicate,
  fieldInvalid,
  fieldRequired,
  fieldTooMany,
} from '../../machinery/errors/field-error.ts';
import { hasSchemaWith } from '../../machinery/schema/read-schema.ts';
import { structuralObstacle } from '../../machinery/schema/structural-rules.ts';
import { dns1035LabelFaults, dns1123SubdomainFaults } from '../../machinery/values/names.ts';
import { parseGoUrl } from '../../resources/checks/go-url.ts';
import { isSame } from '../registry/equality.ts';
import { isConditionTrue } from './conditions.ts';
import { oneOf, validateConversion } from './crd-conversion-validation.ts';
import { versionView } from './crd-go-view.ts';
import {
  deprecationFaults,
  requireNames,
  validateColumns,
  validateNames,
  validateSubresources,
} from './crd-names-validation.ts';
import { type CrdOptions, createOptions, MAX_SELECTABLE_FIELDS, updateOptions } from './crd-options.ts';
import { type CrdVersionView, type CrdView, schemasOf, viewCrd } from './crd-view.ts';
import { followFieldPath } from './field-path.ts';
import { validateVersionSchema } from './version-schema-validation.ts';

const APPROVAL = 'api-approved.kubernetes.io';

/**
 * The rules of definitions, all of them, in upstream's order.
 *
 * Source: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`. Upstream keeps what all versions
 * share at the top of the spec, so the paths are those.
 */
export function validateCrd(crd: CustomResourceDefinition, previous?: CustomResourceDefinition): readonly FieldError[] {
  const view = viewCrd(crd);
  const options = previous === undefined ? createOptions : updateOptions(view, previous);
  return [
    ...(previous === undefined ? validateName(crd) : []),
    ...validateSpec(crd, view, options),
    ...(previous === undefined ? [] : validateSpecUpdate(crd, previous)),
    ...validateNames(crd.status?.acceptedNames, 'status.acceptedNames'),
    ...validateStoredVersions(crd),
    ...validateApproval(crd, previous),
    ...validatePreserving(crd, previous),
  ];
}

/** The rules of the status subresource. */
export function validateCrdStatus(crd: CustomResourceDefinition): readonly FieldError[] {
  return validateNames(crd.status?.acceptedNames, 'status.acceptedNames');
}

function validateName({ metadata, spec }: CustomResourceDefinition): readonly FieldError[] {
  const { name = '' } = metadata ?? {};
  const { plural = '' } = spec.names ?? {};
  if (name === '' || name === `${plural}.${spec.group ?? ''}`) return [];
  return [fieldInvalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')];
}

function validateSpec({ spec }: CustomResourceDefinition, view: CrdView, options: CrdOptions): readonly FieldError[] {
  const preserves = spec.preserveUnknownFields === true;
  const { conversion } = spec;
  const schemas = schemasOf(view);
  const hasDefaults = schemas.some((schema) => hasSchemaWith(schema, (each) => each.default !== undefined));
  const structural =
    options.requiresStructural ||
    !preserves ||
    hasDefaults ||
    schemas.some((schema) => hasSchemaWith(schema, isExtended));
  const own = { ...options, requiresStructural: structural };
  return [
    ...validateGroup(spec.group),
    ...oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']),
    ...validatePresence(view, options, preserves),
    ...(hasDefaults && preserves
      ? [fieldInvalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema')]
      : []),
    ...view.versions.flatMap((version, index) => validateVersion(version, index, view, own)),
    ...validateVersionSet(view, Array.isArray(spec.versions)),
    ...requireNames(spec.names ?? {}, 'spec.names'),
    ...validateNames(spec.names, 'spec.names'),
    ...validateVersionSchema(view.schema, 'spec.validation', {
      hasStatus: [view, ...view.versions].some(hasStatus),
      version: view.versions[0]?.name ?? '',
      options: own,
    }),
    ...validateSubresources(view.subresources, 'spec.subresources'),
    ...validateColumns(view.columns, 'spec.additionalPrinterColumns'),
    ...validateSharedSelectable(view, own),
    ...(conversion !== undefined && conversion.strategy !== 'None' && preserves
      ? [
          fieldInvalid(
            'spec.conversion.strategy',
            conversion.strategy ?? '',
            'must be None if spec.preserveUnknownFields is true',
          ),
        ]
      : []),
    ...validateConversion(conversion, options),
  ];
}

/** Schemas that say more than plain OpenAPI have to be structural. */
function isExtended(schema: JSONSchemaProps): boolean {
  return (
    schema['x-kubernetes-embedded-resource'] === true ||
    schema['x-kubernetes-preserve-unknown-fields'] !== undefined ||
    schema['x-kubernetes-int-or-string'] === true ||
    (schema['x-kubernetes-list-map-keys'] ?? []).length > 0 ||
    schema['x-kubernetes-list-type'] !== undefined ||
    (schema['x-kubernetes-validations'] ?? []).length > 0
  );
}

function validateGroup(group: string | undefined): readonly FieldError[] {
  if (!group) return [fieldRequired('spec.group', '')];
  const faults = dns1123SubdomainFaults(group);
  if (faults.length > 0) return [fieldInvalid('spec.group', group, faults.join(','))];
  return group.includes('.') ? [] : [fieldInvalid('spec.group', group, 'should be a domain with at least one dot')];
}

/** Every version has a schema; old definitions without pruning need none. */
function validatePresence(view: CrdView, options: CrdOptions, preserves: boolean): readonly FieldError[] {
  if (view.schema?.openAPIV3Schema !== undefined || (!options.requiresSchema && preserves)) return [];
  const detail = options.requiresSchema ? '' : 'because otherwise all fields are pruned';
  return view.versions.flatMap((version, index) => {
    if (version.schema?.openAPIV3Schema !== undefined || (!options.requiresSchema && !version.served)) return [];
    return [fieldRequired(`spec.versions[${index}].schema.openAPIV3Schema`, detail)];
  });
}

function hasStatus({ subresources }: Pick<CrdVersionView, 'subresources'>): boolean {
  return subresources?.status !== undefined && subresources.status !== null;
}

function validateVersion(
  version: CrdVersionView,
  index: number,
  view: CrdView,
  options: CrdOptions,
): readonly FieldError[] {
  const path = `spec.versions[${index}]`;
  const { name, deprecated, deprecationWarning, selectableFields } = version;
  const faults = dns1035LabelFaults(name);
  const found: FieldError[] = faults.length === 0 ? [] : [fieldInvalid(`${path}.name`, name, faults.join(','))];
  for (const fault of deprecationFaults(deprecated, deprecationWarning)) {
    found.push(fieldInvalid(`${path}.deprecationWarning`, deprecationWarning, fault));
  }
  // Of versions with the same name, the first one counts.
  const status = view.versions.some(({ subresources }) => subresources !== undefined)
    ? view.versions.find((each) => each.name === name)
    : view;
  const context = { hasStatus: hasStatus(status ?? {}), version: name, options };
  found.push(...validateVersionSchema(version.schema, `${path}.schema`, context));
  found.push(...validateSubresources(version.subresources, `${path}.subresources`));
  found.push(...validateColumns(version.columns, `${path}.additionalPrinterColumns`));
  if (selectableFields === undefined) return found;
  const place = `${path}.selectableFields`;
  const schema = version.schema?.openAPIV3Schema;
  if (schema === undefined) {
    const why = 'may only be set when `version.schema.openAPIV3Schema` is not included';
    return [...found, fieldInvalid(place, '', why)];
  }
  return [...found, ...validateSelectable(version, schema, path, options.manySelectable.has(name))];
}

function validateSharedSelectable(view: CrdView, options: CrdOptions): readonly FieldError[] {
  if (view.selectableFields === undefined) return [];
  if (view.schema === undefined) {
    return [fieldInvalid('spec.selectableFields', '', 'may only be set when validations.schema is included')];
  }
  return validateSelectable(view, view.schema.openAPIV3Schema ?? {}, 'spec', options.manySelectable.has(''));
}

function validateSelectable(
  { selectableFields = [] }: Pick<CrdVersionView, 'selectableFields'>,
  schema: JSONSchemaProps,
  path: string,
  allowsMany: boolean,
): readonly FieldError[] {
  const found: FieldError[] = [];
  const obstacle = structuralObstacle(schema);
  if (obstacle !== undefined) found.push(fieldInvalid(`${path}.schema.openAPIV3Schema`, '', obstacle));
  const seen = new Set<string>();
  for (const [index, { jsonPath = '' }] of selectableFields.entries()) {
    const place = `${path}.selectableFields[${index}].jsonPath`;
    if (jsonPath === '') {
      found.push(fieldRequired(place, ''));
      continue;
    }
    const target = followFieldPath(jsonPath, obstacle === undefined ? schema : {}, { allowsBrackets: false });
    if (typeof target === 'string') {
      found.push(fieldInvalid(place, jsonPath, `is an invalid path: ${target}`));
      continue;
    }
    if (target.root === 'metadata') found.push(fieldInvalid(place, jsonPath, 'must not point to fields in metadata'));
    if (!['string', 'boolean', 'integer'].includes(target.schema?.type ?? '')) {
      const why =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      found.push(fieldInvalid(place, jsonPath, why));
    }
    if (seen.has(target.text)) found.push(fieldDuplicate(place, jsonPath));
    seen.add(target.text);
  }
  if (seen.size > MAX_SELECTABLE_FIELDS && !allowsMany) {
    found.push(fieldTooMany(`${path}.selectableFields`, seen.size, MAX_SELECTABLE_FIELDS));
  }
  return found;
}

function validateVersionSet({ versions }: CrdView, hasVersions: boolean): readonly FieldError[] {
  const found: FieldError[] = [];
  const shown = hasVersions ? versions.map(versionView) : null;
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    found.push(fieldInvalid('spec.versions', shown, 'must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    found.push(fieldInvalid('spec.versions', shown, 'must have exactly one version marked as storage version'));
  }
  const name = versions[0]?.name ?? '';
  const faults = name === '' ? [] : dns1035LabelFaults(name);
  if (faults.length > 0) found.push(fieldInvalid('spec.version', name, faults.join(',')));
  return found;
}

function validateSpecUpdate(crd: CustomResourceDefinition, previous: CustomResourceDefinition): readonly FieldError[] {
  const { spec } = crd;
  const old = previous.spec;
  const unchanging = (path: string, now: string | undefined, before: string | undefined): readonly FieldError[] =>
    isSame(now ?? '', before ?? '') ? [] : [fieldInvalid(path, now ?? '', 'field is immutable')];
  const established = isConditionTrue(previous, 'Established');
  return [
    ...(established
      ? [
          ...unchanging('spec.scope', spec.scope, old.scope),
          ...unchanging('spec.names.kind', spec.names?.kind, old.names?.kind),
        ]
      : []),
    ...unchanging('spec.group', spec.group, old.group),
    ...unchanging('spec.names.plural', spec.names?.plural, old.names?.plural),
  ];
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): readonly FieldError[] {
  const path = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) return [fieldInvalid(path, null, 'must have at least one stored version')];
  const found: FieldError[] = [];
  // Each name that is stored is used up by the first version of that name.
  const left = new Map(stored.map((name, index) => [name, index]));
  for (const { name, storage } of spec.versions ?? []) {
    if (storage && !left.has(name)) found.push(fieldInvalid(path, stored, `must have the storage version ${name}`));
    left.delete(name);
  }
  for (const [name, index] of left) {
    const why = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    found.push(fieldInvalid(`${path}[${index}]`, name, why));
  }
  return found;
}

/** Groups of the community itself need a sign that they were reviewed. Source: apiextensions `pkg/apihelpers/helpers.go`. */
function validateApproval(crd: CustomResourceDefinition, previous?: CustomResourceDefinition): readonly FieldError[] {
  if (!isProtectedGroup(crd.spec.group ?? '')) return [];
  const { state, reason } = approvalOf(crd);
  if (previous !== undefined && approvalOf(previous).state === state) return [];
  const path = `metadata.annotations[${APPROVAL}]`;
  if (state === 'missing') return [fieldRequired(path, reason)];
  return state === 'invalid' ? [fieldInvalid(path, crd.metadata?.annotations?.[APPROVAL], reason)] : [];
}

/** Whether the group belongs to the community. */
export function isProtectedGroup(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group);
}

export interface Approval {
  readonly state: 'missing' | 'bypassed' | 'approved' | 'invalid';
  /** Upstream's sentence about it. */
  readonly reason: string;
}

/** What a definition says of its review. */
export function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const text = metadata?.annotations?.[APPROVAL];
  const head = `protected groups must have approval annotation "${APPROVAL}"`;
  const link = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (!text) return { state: 'missing', reason: `${head}, ${link}` };
  if (text.startsWith('unapproved')) return { state: 'bypassed', reason: `not approved: ${JSON.stringify(text)}` };
  const url = parseGoUrl(text);
  if (typeof url !== 'string' && url.scheme !== '' && url.host !== '') {
    return { state: 'approved', reason: `approved in ${text}` };
  }
  return { state: 'invalid', reason: `${head} with either a URL or a reason starting with "unapproved", ${link}` };
}

function validatePreserving(
  { spec }: CustomResourceDefinition,
  previous?: CustomResourceDefinition,
): readonly FieldError[] {
  if (previous?.spec.preserveUnknownFields === true || spec.preserveUnknownFields !== true) return [];
  const why = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [fieldInvalid('spec.preserveUnknownFields', true, why)];
}
