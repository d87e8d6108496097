import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  JSONSchemaProps,
  SelectableField,
} from '../../generated/api/apiextensions/v1.ts';
import { readSchema } from '../../machinery/schema/read-schema.ts';
import { isSame } from '../registry/equality.ts';

/** What a version says, or all of them together. */
interface Shared {
  readonly schema?: { readonly openAPIV3Schema?: JSONSchemaProps | undefined } | undefined;
  readonly subresources?: CustomResourceSubresources | undefined;
  readonly columns?: readonly CustomResourceColumnDefinition[] | undefined;
  readonly selectableFields?: readonly SelectableField[] | undefined;
}

export interface CrdVersionView extends Shared {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated: boolean;
  readonly deprecationWarning: string | undefined;
}

/**
 * The spec of a definition as upstream judges it: what all versions say alike stands at the top and no longer in them.
 *
 * Source: apiextensions-apiserver `pkg/apis/apiextensions/v1/conversion.go`.
 */
export interface CrdView extends Shared {
  readonly versions: readonly CrdVersionView[];
}

export function viewCrd({ spec }: CustomResourceDefinition): CrdView {
  const versions = (spec.versions ?? []).map(readVersion);
  const [first] = versions;
  const top: { -readonly [K in keyof Shared]?: Shared[K] } = {};
  for (const part of ['schema', 'subresources', 'columns', 'selectableFields'] as const) {
    if (first === undefined || !versions.every((version) => isSame(version[part], first[part]))) continue;
    Object.assign(top, { [part]: first[part] });
    for (const version of versions) version[part] = undefined;
  }
  return { ...top, versions };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readVersion(version: CustomResourceDefinitionVersion): Mutable<CrdVersionView> {
  const { schema, additionalPrinterColumns, selectableFields } = version;
  return {
    name: version.name ?? '',
    served: version.served === true,
    storage: version.storage === true,
    deprecated: version.deprecated === true,
    deprecationWarning: version.deprecationWarning,
    schema:
      schema === undefined
        ? undefined
        : schema.openAPIV3Schema === undefined
          ? {}
          : { openAPIV3Schema: readSchema(schema.openAPIV3Schema) },
    subresources: version.subresources,
    columns: additionalPrinterColumns?.length ? additionalPrinterColumns : undefined,
    selectableFields: selectableFields?.length ? selectableFields : undefined,
  };
}

/** All schemas that a definition has. */
export function schemasOf(view: CrdView): readonly JSONSchemaProps[] {
  return [view, ...view.versions].flatMap(({ schema }) =>
    schema?.openAPIV3Schema === undefined ? [] : [schema.openAPIV3Schema],
  );
}
