import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { isRecognizedFormat } from '../../machinery/schema/formats.ts';
import { hasSchemaWith } from '../../machinery/schema/read-schema.ts';
import { schemasOf, viewCrd } from './crd-view.ts';

/**
 * Tells of formats that nobody checks, those that are new to the definition.
 * Source: apiextensions-apiserver `pkg/registry/customresourcedefinition/strategy.go` (WarningsOnCreate, WarningsOnUpdate).
 */
export function formatWarnings(crd: CustomResourceDefinition, previous?: CustomResourceDefinition): readonly string[] {
  const known = new Set(previous === undefined ? [] : strangeFormats(previous));
  return strangeFormats(crd)
    .filter((format) => !known.has(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

function strangeFormats(crd: CustomResourceDefinition): readonly string[] {
  const found: string[] = [];
  for (const schema of schemasOf(viewCrd(crd))) {
    hasSchemaWith(schema, ({ type = '', format }: JSONSchemaProps) => {
      if (format && !isRecognizedFormat(type, format)) found.push(format);
      return false;
    });
  }
  return found;
}
