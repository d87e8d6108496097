import type {
  CustomResourceColumnDefinition,
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
} from '../../generated/api/apiextensions/v1.ts';
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import { dns1035LabelFaults, dns1123SubdomainFaults } from '../../machinery/values/names.ts';
import { isSame } from '../registry/equality.ts';
import { isConditionTrue } from './conditions.ts';

const APPROVAL = 'api-approved.kubernetes.io';

/**
 * The rules of definitions beside those of their schemas.
 *
 * Source: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`. Upstream keeps what all versions
 * share at the top of the spec, so the paths are those.
 */
export function validateCrd(crd: CustomResourceDefinition, previous?: CustomResourceDefinition): readonly FieldError[] {
  return [
    ...(previous === undefined ? validateName(crd) : []),
    ...validateSpec(crd, previous),
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
  if (name === '' || name === `${spec.names.plural}.${spec.group}`) return [];
  return [fieldInvalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')];
}

function validateSpec(
  { spec }: CustomResourceDefinition,
  previous: CustomResourceDefinition | undefined,
): readonly FieldError[] {
  const versions = spec.versions ?? [];
  const schema = shared(versions, (version) => version.schema);
  const missing = versions.flatMap((version, index) =>
    version.schema?.openAPIV3Schema ? [] : [fieldRequired(`spec.versions[${index}].schema.openAPIV3Schema`, '')],
  );
  const { conversion } = spec;
  const preserves = spec.preserveUnknownFields === true;
  return [
    ...validateGroup(spec.group),
    ...oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']),
    ...(schema?.openAPIV3Schema ? [] : missing),
    ...versions.flatMap(validateVersion),
    ...validateVersionSet(versions),
    ...validateNameSet(spec.names),
    ...validateSubresources(
      shared(versions, ({ subresources }) => subresources),
      'spec.subresources',
    ),
    ...(shared(versions, columnsOf) ?? []).flatMap((column, index) =>
      validateColumn(column, `spec.additionalPrinterColumns[${index}]`),
    ),
    ...(conversion !== undefined && conversion.strategy !== 'None' && preserves
      ? [
          fieldInvalid(
            'spec.conversion.strategy',
            conversion.strategy,
            'must be None if spec.preserveUnknownFields is true',
          ),
        ]
      : []),
    ...validateConversion(conversion),
    ...(previous === undefined ? [] : validateSpecUpdate(spec, previous)),
  ];
}

function validateGroup(group: string | undefined): readonly FieldError[] {
  if (!group) return [fieldRequired('spec.group', '')];
  const faults = dns1123SubdomainFaults(group);
  if (faults.length > 0) return [fieldInvalid('spec.group', group, faults.join(','))];
  return group.includes('.') ? [] : [fieldInvalid('spec.group', group, 'should be a domain with at least one dot')];
}

function oneOf(path: string, value: string | undefined, accepted: readonly string[]): readonly FieldError[] {
  if (!value) return [fieldRequired(path, '')];
  return accepted.includes(value) ? [] : [fieldNotSupported(path, value, accepted)];
}

function columnsOf(version: CustomResourceDefinitionVersion): readonly CustomResourceColumnDefinition[] | undefined {
  return version.additionalPrinterColumns?.length ? version.additionalPrinterColumns : undefined;
}

/** What all versions say alike; undefined where they differ. */
function shared<T>(
  versions: readonly CustomResourceDefinitionVersion[],
  pick: (version: CustomResourceDefinitionVersion) => T,
): T | undefined {
  const [first] = versions;
  if (first === undefined) return undefined;
  const value = pick(first);
  return versions.every((version) => isSame(pick(version), value)) ? value : undefined;
}

function validateVersion(
  version: CustomResourceDefinitionVersion,
  index: number,
  versions: readonly CustomResourceDefinitionVersion[],
): readonly FieldError[] {
  const path = `spec.versions[${index}]`;
  const { name, deprecated, deprecationWarning } = version;
  const faults = dns1035LabelFaults(name);
  const found: FieldError[] = [];
  if (faults.length > 0) found.push(fieldInvalid(`${path}.name`, name, faults.join(',')));
  for (const fault of deprecationFaults(deprecated === true, deprecationWarning)) {
    found.push(fieldInvalid(`${path}.deprecationWarning`, deprecationWarning, fault));
  }
  if (shared(versions, ({ subresources }) => subresources) === undefined) {
    found.push(...validateSubresources(version.subresources, `${path}.subresources`));
  }
  if (shared(versions, columnsOf) === undefined) {
    for (const [at, column] of (version.additionalPrinterColumns ?? []).entries()) {
      found.push(...validateColumn(column, `${path}.additionalPrinterColumns[${at}]`));
    }
  }
  return found;
}

function deprecationFaults(deprecated: boolean, warning: string | undefined): readonly string[] {
  if (warning === undefined) return [];
  if (!deprecated) return ['can only be set for deprecated versions'];
  const faults: string[] = [];
  if (Buffer.byteLength(warning) > 256) faults.push('must be <= 256 characters long');
  if (warning === '') faults.push('must not be an empty string');
  const bad = /[\p{C}]/u.exec(warning);
  if (bad !== null) {
    faults.push(
      `must only contain printable UTF-8 characters; non-printable character found at index ${Buffer.byteLength(warning.slice(0, bad.index))}`,
    );
  }
  return faults;
}

function validateVersionSet(versions: readonly CustomResourceDefinitionVersion[]): readonly FieldError[] {
  const found: FieldError[] = [];
  const shown = versions.map((version) => toGoVersion(version, versions));
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    found.push(fieldInvalid('spec.versions', shown, 'must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    found.push(fieldInvalid('spec.versions', shown, 'must have exactly one version marked as storage version'));
  }
  const [first] = versions;
  const faults = first === undefined ? [] : dns1035LabelFaults(first.name);
  if (faults.length > 0) found.push(fieldInvalid('spec.version', first?.name, faults.join(',')));
  return found;
}

/** A version as upstream's messages show it. */
function toGoVersion(
  version: CustomResourceDefinitionVersion,
  versions: readonly CustomResourceDefinitionVersion[],
): Readonly<Record<string, unknown>> {
  const own = <T>(pick: (item: CustomResourceDefinitionVersion) => T): T | null => {
    const value = pick(version);
    return value === undefined || isSame(shared(versions, pick), value) ? null : value;
  };
  return {
    Name: version.name,
    Served: version.served === true,
    Storage: version.storage === true,
    Deprecated: version.deprecated === true,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: own(({ schema }) => schema),
    Subresources: own(({ subresources }) => subresources),
    AdditionalPrinterColumns: own(columnsOf),
    SelectableFields: own(({ selectableFields }) => selectableFields),
  };
}

function validateNameSet(names: CustomResourceDefinitionNames): readonly FieldError[] {
  const required = (['plural', 'singular', 'kind', 'listKind'] as const)
    .filter((field) => !names[field])
    .map((field) => fieldRequired(`spec.names.${field}`, ''));
  return [...required, ...validateNames(names, 'spec.names')];
}

function validateNames(names: CustomResourceDefinitionNames | undefined, path: string): readonly FieldError[] {
  if (names === undefined) return [];
  const found: FieldError[] = [];
  const check = (field: string, value: string, text: string, prefix = ''): void => {
    const faults = value === '' ? [] : dns1035LabelFaults(text);
    if (faults.length > 0) found.push(fieldInvalid(`${path}.${field}`, value, `${prefix}${faults.join(',')}`));
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  const { plural = '', singular = '', kind = '', listKind = '' } = names;
  check('plural', plural, plural);
  check('singular', singular, singular);
  check('kind', kind, kind.toLowerCase(), mixed);
  check('listKind', listKind, listKind.toLowerCase(), mixed);
  for (const [index, name] of (names.shortNames ?? []).entries()) check(`shortNames[${index}]`, name, name);
  if (kind !== '' && kind === listKind) {
    found.push(fieldInvalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same'));
  }
  for (const [index, name] of (names.categories ?? []).entries()) check(`categories[${index}]`, name, name);
  return found;
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function validateColumn(column: CustomResourceColumnDefinition, path: string): readonly FieldError[] {
  const found: FieldError[] = [];
  const { name, type, format, jsonPath } = column;
  const types = `must be one of ${columnTypes.join(',')}`;
  if (!name) found.push(fieldRequired(`${path}.name`, ''));
  if (!type) found.push(fieldRequired(`${path}.type`, types));
  else if (!columnTypes.includes(type)) found.push(fieldInvalid(`${path}.type`, type, types));
  if (format && !columnFormats.includes(format)) {
    found.push(fieldInvalid(`${path}.format`, format, `must be one of ${columnFormats.join(',')}`));
  }
  if (!jsonPath) found.push(fieldRequired(`${path}.JSONPath`, ''));
  else found.push(...simplePathFaults(jsonPath, `${path}.JSONPath`));
  return found;
}

function simplePathFaults(text: string, path: string): readonly FieldError[] {
  return text.startsWith('.') ? [] : [fieldInvalid(path, text, 'must be a simple json path starting with .')];
}

function validateSubresources(
  subresources: CustomResourceSubresources | undefined,
  path: string,
): readonly FieldError[] {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  const under = (
    field: string,
    text: string | undefined,
    roots: readonly string[],
    why: string,
  ): readonly FieldError[] => {
    const place = `${path}.scale.${field}`;
    if (!text) return [fieldRequired(place, '')];
    const faults = simplePathFaults(text, place);
    if (faults.length > 0) return faults;
    return roots.some((root) => text.startsWith(root)) ? [] : [fieldInvalid(place, text, why)];
  };
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  const either = 'should be a json path under either .spec or .status';
  return [
    ...under('specReplicasPath', specReplicasPath, ['.spec.'], 'should be a json path under .spec'),
    ...under('statusReplicasPath', statusReplicasPath, ['.status.'], 'should be a json path under .status'),
    ...(labelSelectorPath ? under('labelSelectorPath', labelSelectorPath, ['.spec.', '.status.'], either) : []),
  ];
}

function validateConversion(conversion: CustomResourceConversion | undefined): readonly FieldError[] {
  if (conversion === undefined) return [];
  const path = 'spec.conversion';
  const { strategy, webhook } = conversion;
  const found = [...oneOf(`${path}.strategy`, strategy, ['None', 'Webhook'])];
  const config = webhook?.clientConfig;
  const reviewVersions = webhook?.conversionReviewVersions ?? [];
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (config !== undefined) found.push(fieldForbidden(`${path}.webhookClientConfig`, why));
    if (reviewVersions.length > 0) found.push(fieldForbidden(`${path}.conversionReviewVersions`, why));
    return found;
  }
  if (config === undefined) {
    found.push(fieldRequired(`${path}.webhookClientConfig`, 'required when strategy is set to Webhook'));
  } else if ((config.url === undefined) === (config.service === undefined)) {
    found.push(fieldRequired(`${path}.webhookClientConfig`, 'exactly one of url or service is required'));
  }
  const place = `${path}.conversionReviewVersions`;
  if (reviewVersions.length === 0) found.push(fieldRequired(place, ''));
  else if (!reviewVersions.some((version) => version === 'v1' || version === 'v1beta1')) {
    found.push(fieldInvalid(place, reviewVersions, 'must include at least one of v1, v1beta1'));
  }
  return found;
}

function validateSpecUpdate(
  spec: CustomResourceDefinition['spec'],
  previous: CustomResourceDefinition,
): readonly FieldError[] {
  const old = previous.spec;
  const unchanging = (path: string, now: string | undefined, before: string | undefined): readonly FieldError[] =>
    now === before ? [] : [fieldInvalid(path, now, 'field is immutable')];
  const established = isConditionTrue(previous, 'Established');
  return [
    ...(established
      ? [
          ...unchanging('spec.scope', spec.scope, old.scope),
          ...unchanging('spec.names.kind', spec.names.kind, old.names.kind),
        ]
      : []),
    ...unchanging('spec.group', spec.group, old.group),
    ...unchanging('spec.names.plural', spec.names.plural, old.names.plural),
  ];
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): readonly FieldError[] {
  const path = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) return [fieldInvalid(path, null, 'must have at least one stored version')];
  const versions = spec.versions ?? [];
  const found: FieldError[] = [];
  for (const { name, storage } of versions) {
    if (storage && !stored.includes(name))
      found.push(fieldInvalid(path, stored, `must have the storage version ${name}`));
  }
  for (const [index, name] of stored.entries()) {
    if (versions.some((version) => version.name === name)) continue;
    const why = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    found.push(fieldInvalid(`${path}[${index}]`, name, why));
  }
  return found;
}

/** Groups of the community itself need a sign that they were reviewed. Source: apiextensions `pkg/apihelpers/helpers.go`. */
function validateApproval(crd: CustomResourceDefinition, previous?: CustomResourceDefinition): readonly FieldError[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(crd.spec.group ?? '')) return [];
  const state = approvalState(crd);
  if (previous !== undefined && approvalState(previous) === state) return [];
  const path = `metadata.annotations[${APPROVAL}]`;
  const link = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (state === 'missing') {
    return [fieldRequired(path, `protected groups must have approval annotation "${APPROVAL}", ${link}`)];
  }
  if (state !== 'invalid') return [];
  const why = `protected groups must have approval annotation "${APPROVAL}" with either a URL or a reason starting with "unapproved", ${link}`;
  return [fieldInvalid(path, crd.metadata?.annotations?.[APPROVAL], why)];
}

function approvalState({ metadata }: CustomResourceDefinition): 'missing' | 'bypassed' | 'approved' | 'invalid' {
  const text = metadata?.annotations?.[APPROVAL];
  if (!text) return 'missing';
  if (text.startsWith('unapproved')) return 'bypassed';
  return URL.canParse(text) ? 'approved' : 'invalid';
}

function validatePreserving(
  { spec }: CustomResourceDefinition,
  previous?: CustomResourceDefinition,
): readonly FieldError[] {
  if (previous?.spec.preserveUnknownFields === true || spec.preserveUnknownFields !== true) return [];
  const why = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [fieldInvalid('spec.preserveUnknownFields', true, why)];
}
