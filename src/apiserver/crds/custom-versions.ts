import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type AnyObject, parseApiVersion, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { fillDefaults, pruneCustom, pruneNulls } from '../../machinery/schema/custom-values.ts';
import { isDeepEqual } from '../../machinery/schema/json-values.ts';
import { readSchema } from '../../machinery/schema/read-schema.ts';
import { cloneJson } from '../registry/clone-json.ts';

/**
 * Conversion by the strategy `None`: versions differ in name only. What is read is pruned and defaulted by the version
 * that it was written in, and then pruned by the one that it is read in.
 *
 * Source: apiextensions-apiserver `pkg/apiserver/customresource_handler.go` (crdConversionRESTOptionsGetter).
 *
 * @returns undefined where stored objects are served as they are: nothing can have changed since they were written.
 */
export function convertCustom(
  crd: CustomResourceDefinition,
  served: string,
  stored: string,
): ResourceDefinition['convert'] {
  const { group, versions, preserveUnknownFields } = crd.spec;
  if (served === stored && versions.length === 1 && crd.metadata?.generation === 1) return undefined;
  const schemas = new Map<string, JSONSchemaProps>();
  const schemaIn = (version: string): JSONSchemaProps | undefined => {
    let schema = schemas.get(version);
    if (schema === undefined) {
      const found = versions.find(({ name }) => name === version)?.schema?.openAPIV3Schema;
      if (found === undefined) return undefined;
      schema = readSchema(found);
      schemas.set(version, schema);
    }
    return schema;
  };
  const prune = (object: AnyObject, version: string): void => {
    const schema = schemaIn(version);
    if (preserveUnknownFields === true || schema === undefined) return;
    const { metadata } = object;
    pruneCustom(object, schema, true);
    pruneNulls(object, schema);
    object.metadata = metadata;
  };
  return {
    fromStorage(object) {
      const written = parseApiVersion(object.apiVersion ?? '').version;
      const next = cloneJson(object);
      prune(next, written);
      fillDefaults(next, schemaIn(written));
      if (written !== served) {
        next.apiVersion = toApiVersion({ group, version: served });
        prune(next, served);
      }
      return isDeepEqual(next, object) ? object : next;
    },
    toStorage(object) {
      if (served === stored) return object;
      const next = { ...cloneJson(object), apiVersion: toApiVersion({ group, version: stored }) };
      prune(next, stored);
      return next;
    },
  };
}
