import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../../generated/api/apiextensions/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition, Verb } from '../../machinery/object/resource-definition.ts';
import { compileStructural } from '../../machinery/schema/structural.ts';
import { parseJsonPath } from '../../machinery/values/json-path.ts';
import { type ConversionCaller, ConversionWebhook } from './conversion-webhook.ts';
import { customStrategy } from './custom-strategy.ts';
import { convertCustom, convertRemotely } from './custom-versions.ts';
import { rulesEngineFor } from './load-rules.ts';
import { toColumns } from './printer-columns.ts';
import { compareVersions } from './version-order.ts';

/** In the order in which upstream lists them for custom resources. */
const verbs: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];

/** One record for each served version of an established definition. */
export function toDefinitions(
  crd: CustomResourceDefinition,
  openCaller: () => Promise<ConversionCaller>,
): readonly ResourceDefinition[] {
  const stored = crd.spec.versions.find((version) => version.storage);
  if (stored === undefined) return [];
  return crd.spec.versions
    .filter((version) => version.served)
    .map((version) => toDefinition(crd, version, stored.name, webhookOf(crd, openCaller)));
}

function toDefinition(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  storageVersion: string,
  webhook: ConversionWebhook | undefined,
): ResourceDefinition {
  const names = crd.status?.acceptedNames ?? crd.spec.names;
  const { group } = crd.spec;
  const own = { group, version: version.name };
  const structural = compileStructural(crd.spec.preserveUnknownFields ? undefined : version.schema?.openAPIV3Schema);
  const scale = version.subresources?.scale;
  return {
    ...own,
    kind: names.kind,
    plural: names.plural,
    namespaced: crd.spec.scope === 'Namespaced',
    listKind: names.listKind ?? `${names.kind}List`,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    origin: 'custom',
    schema: structural.shape,
    storagePrefix: `${group}/${names.plural}`,
    storageVersion,
    ...(webhook === undefined
      ? { convert: convertCustom(crd, version.name, storageVersion) }
      : { remote: convertRemotely(crd, version.name, storageVersion, webhook) }),
    hasStatus: version.subresources?.status !== undefined,
    scale:
      scale === undefined
        ? undefined
        : {
            specReplicas: scale.specReplicasPath ?? '',
            statusReplicas: scale.statusReplicasPath ?? '',
            ...(scale.labelSelectorPath ? { selector: scale.labelSelectorPath } : {}),
          },
    columns: toColumns(version.additionalPrinterColumns),
    selectableFields: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath = '' }) => [
        jsonPath.replace(/^\./, ''),
        toSelectable(jsonPath),
      ]),
    ),
    generation: 'spec',
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: false,
    defaultPropagation: 'Background',
    strategy: customStrategy({
      kind: names.kind,
      apiVersion: toApiVersion(own),
      structural,
      scale,
      rules: rulesEngineFor(structural.schema)?.rulesFor(structural.schema),
    }),
  };
}

/** Undefined where no object can be in need of it. */
function webhookOf(
  { spec: { conversion, group, versions } }: CustomResourceDefinition,
  openCaller: () => Promise<ConversionCaller>,
): ConversionWebhook | undefined {
  if (conversion?.strategy !== 'Webhook' || versions.length === 1) return undefined;
  const apiVersions = versions.map(({ name: version }) => toApiVersion({ group, version }));
  return new ConversionWebhook(conversion, apiVersions, openCaller);
}

function toSelectable(jsonPath: string): (object: AnyObject) => string {
  const find = parseJsonPath(jsonPath) ?? (() => []);
  return (object) => {
    const [value] = find(object);
    return value === undefined ? '' : String(value);
  };
}

/** What everybody hears who asks for a version that is to go. Source: apiextensions `customresource_handler.go`. */
export function deprecationOf(crd: CustomResourceDefinition, versionName: string): string | undefined {
  const { group, names, versions } = crd.spec;
  const version = versions.find(({ name }) => name === versionName);
  if (version?.deprecated !== true) return undefined;
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const text = `${group}/${versionName} ${names.kind} is deprecated`;
  const [best] = versions
    .filter(({ served, deprecated, name }) => served && !deprecated && compareVersions(name, versionName) < 0)
    .map(({ name }) => name)
    .sort(compareVersions);
  return best === undefined ? text : `${text}; use ${group}/${best} ${names.kind}`;
}
