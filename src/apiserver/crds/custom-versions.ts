import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type AnyObject, parseApiVersion, toApiVersion } from '../../machinery/object/object.ts';
import type { RemoteConversion, ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { fillDefaults, pruneCustom, pruneNulls } from '../../machinery/schema/custom-values.ts';
import { isDeepEqual } from '../../machinery/schema/json-values.ts';
import { readSchema } from '../../machinery/schema/read-schema.ts';
import { cloneJson } from '../registry/clone-json.ts';
import type { ConversionWebhook } from './conversion-webhook.ts';

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
  const { group, versions } = crd.spec;
  if (served === stored && versions.length === 1 && crd.metadata?.generation === 1) return undefined;
  const schemas = new VersionSchemas(crd);
  return {
    fromStorage(object) {
      const written = parseApiVersion(object.apiVersion ?? '').version;
      const next = schemas.restore(object, written);
      if (written !== served) {
        next.apiVersion = toApiVersion({ group, version: served });
        schemas.prune(next, served);
      }
      return isDeepEqual(next, object) ? object : next;
    },
    toStorage(object) {
      if (served === stored) return object;
      const next = { ...cloneJson(object), apiVersion: toApiVersion({ group, version: stored }) };
      schemas.prune(next, stored);
      return next;
    },
  };
}

/** Conversion by the strategy `Webhook`, which is asked about objects of other versions only. Source: as above. */
export function convertRemotely(
  crd: CustomResourceDefinition,
  served: string,
  stored: string,
  webhook: ConversionWebhook,
): RemoteConversion {
  const { group } = crd.spec;
  const schemas = new VersionSchemas(crd);
  const apiVersion = toApiVersion({ group, version: served });
  return {
    async fromStorage(objects) {
      const restored = objects.map((object) =>
        schemas.restore(object, parseApiVersion(object.apiVersion ?? '').version),
      );
      const foreign = restored.filter((object) => object.apiVersion !== apiVersion);
      // The webhook sees what is stored, which has no revision of its own.
      const asked = foreign.map(({ metadata: { resourceVersion: _none, ...metadata }, ...object }) => ({
        ...object,
        metadata,
      })) as AnyObject[];
      const converted = await webhook.convert(asked, apiVersion);
      const byOriginal = new Map(foreign.map((object, index) => [object, converted[index]]));
      return restored.map((object, index) => {
        const next = byOriginal.get(object);
        const original = objects[index] as AnyObject;
        if (next === undefined) return isDeepEqual(object, original) ? original : object;
        schemas.prune(next, served);
        return withRevision(next, object.metadata.resourceVersion);
      });
    },
    async toStorage(object) {
      if (served === stored) return object;
      const [next = object] = await webhook.convert([object], toApiVersion({ group, version: stored }));
      schemas.prune(next, stored);
      return next;
    },
    async convert(object, wanted) {
      const [next = object] = await webhook.convert([object], wanted);
      return next;
    },
  };
}

function withRevision(object: AnyObject, resourceVersion: string | undefined): AnyObject {
  return resourceVersion === undefined ? object : { ...object, metadata: { ...object.metadata, resourceVersion } };
}

/** The schemas of a definition's versions, read when they are first needed. */
class VersionSchemas {
  readonly #crd: CustomResourceDefinition;
  readonly #schemas = new Map<string, JSONSchemaProps>();

  constructor(crd: CustomResourceDefinition) {
    this.#crd = crd;
  }

  /** A stored object as its own version has it today: pruned, with defaults. A copy. */
  restore(object: AnyObject, version: string): AnyObject {
    const next = cloneJson(object);
    this.prune(next, version);
    fillDefaults(next, this.#schemaIn(version));
    return next;
  }

  prune(object: AnyObject, version: string): void {
    const schema = this.#schemaIn(version);
    if (this.#crd.spec.preserveUnknownFields === true || schema === undefined) return;
    const { metadata } = object;
    pruneCustom(object, schema, true);
    pruneNulls(object, schema);
    object.metadata = metadata;
  }

  #schemaIn(version: string): JSONSchemaProps | undefined {
    const known = this.#schemas.get(version);
    if (known !== undefined) return known;
    const found = this.#crd.spec.versions.find(({ name }) => name === version)?.schema?.openAPIV3Schema;
    if (found === undefined) return undefined;
    const schema = readSchema(found);
    this.#schemas.set(version, schema);
    return schema;
  }
}
