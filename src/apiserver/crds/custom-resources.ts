import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Catalog } from '../catalog.ts';
import { isSame } from '../registry/equality.ts';
import type { ResourcesBuilder } from '../resources-builder.ts';
import type { ServedResource } from '../served-resource.ts';
import type { Storage } from '../storage/storage.ts';
import { isConditionTrue } from './conditions.ts';
import type { ConversionCaller } from './conversion-webhook.ts';
import { deprecationOf, toDefinitions } from './custom-definitions.ts';
import { refusesCreation } from './terminating.ts';

export interface CustomResourcesDeps {
  readonly builder: ResourcesBuilder;
  readonly catalog: Catalog;
  readonly storage: Storage;
  readonly logger: Logger;
  /** Reaches the webhooks that convert. Called when the first is asked. */
  openCaller(): Promise<ConversionCaller>;
}

/** What one definition was made into, and from what. */
interface Served {
  readonly crd: CustomResourceDefinition;
  readonly storagePrefix: string;
  readonly resources: readonly ServedResource[];
}

/** Serves the definitions that are established. A change of one swaps its resources at once and ends its watches. */
export class CustomResources {
  readonly #deps: CustomResourcesDeps;
  #served = new Map<string, Served>();

  constructor(deps: CustomResourcesDeps) {
    this.#deps = deps;
  }

  publish(definitions: readonly CustomResourceDefinition[]): void {
    const next = new Map<string, Served>();
    for (const crd of definitions) {
      if (!isConditionTrue(crd, 'Established')) continue;
      const name = crd.metadata?.name ?? '';
      const before = this.#served.get(name);
      next.set(name, before !== undefined && isSameService(before.crd, crd) ? before : this.#serve(crd));
    }
    const unchanged =
      next.size === this.#served.size && [...next].every(([name, entry]) => this.#served.get(name) === entry);
    if (unchanged) return;
    const before = this.#served;
    this.#served = next;
    this.#deps.catalog.setCustom([...next.values()].flatMap(({ resources }) => resources));
    // Watches of what went end: clients come back and see.
    for (const [name, entry] of before) if (!next.has(name)) this.#deps.storage.drop(entry.storagePrefix);
  }

  #serve(crd: CustomResourceDefinition): Served {
    const definitions = this.#definitionsOf(crd);
    const terminating = isConditionTrue(crd, 'Terminating');
    // Made anew, since the index may be another; watches by the old rules end.
    const storagePrefix = `${crd.spec.group}/${crd.spec.names.plural}`;
    this.#deps.storage.drop(storagePrefix);
    const resources = definitions.map((definition) => {
      const resource = this.#deps.builder.stored(definition, definitions);
      const served = { ...resource, deprecation: deprecationOf(crd, definition.version) };
      return terminating ? refusesCreation(served) : served;
    });
    return { crd, storagePrefix, resources };
  }

  #definitionsOf(crd: CustomResourceDefinition): readonly ResourceDefinition[] {
    try {
      return toDefinitions(crd, this.#deps.openCaller);
    } catch (error) {
      this.#deps.logger.error('a custom resource definition cannot be served', { name: crd.metadata?.name, error });
      return [];
    }
  }
}

/** Whether two states of a definition are served alike. */
function isSameService(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return (
    a.metadata?.uid === b.metadata?.uid &&
    isConditionTrue(a, 'Terminating') === isConditionTrue(b, 'Terminating') &&
    isSame(a.spec, b.spec) &&
    isSame(a.status?.acceptedNames, b.status?.acceptedNames)
  );
}
