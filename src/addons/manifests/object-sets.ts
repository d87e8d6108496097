import type { Client } from '../../client/client.ts';
import type { APIResourceList } from '../../generated/api/meta/v1.ts';
import { codeOf, isInvalid, isNotFound } from '../../machinery/errors/status-error.ts';
import {
  type AnyObject,
  type KubeObject,
  keyOf,
  parseApiVersion,
  type ResourceType,
  toApiVersion,
  toKeyText,
} from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import { PRUNE_ANNOTATION, type SetMarks, toGvkText, withMarks } from './set-marks.ts';

type Gvk = Pick<ResourceType, 'group' | 'version' | 'kind'>;

/** Some objects of a set were not applied; the message tells of each. */
export class SetError extends Error {
  override readonly name = 'SetError';
}

const FIELD_MANAGER = 'deploy';
/** Source: wrangler `pkg/apply/apply.go`. */
const DEFAULT_NAMESPACE = 'default';
/** How long a definition of the same set has for being served. */
const DEFINITION_TRIES = 20;
const POLL_MS = 250;
/** Kinds that are made anew where a change is refused. Source: wrangler `pkg/apply/reconcilers.go`. */
const replaceable = new Set(['DaemonSet', 'Deployment', 'Job', 'Secret', 'Service']);
/** What others need comes first. */
const early = ['Namespace', 'CustomResourceDefinition'];

/** Applies whole sets of objects, and takes away what a set no longer holds. */
export class ObjectSets {
  readonly #client: Client;
  readonly #clock: Clock;
  /** Only what exists is remembered: what is missing may come. */
  readonly #resources = new Map<string, ResourceType<AnyObject>>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * Makes the cluster hold exactly the objects as the set of the marks. Members of `formerKinds` that are not among
   * them go, unless an object was refused: then everything stays that is there.
   * @throws SetError
   */
  async apply(
    marks: SetMarks,
    objects: readonly AnyObject[],
    formerKinds: readonly Gvk[],
    signal: AbortSignal,
  ): Promise<void> {
    const rank = (object: AnyObject): number =>
      early.includes(object.kind ?? '') ? early.indexOf(object.kind ?? '') : 2;
    const kept = new Set<string>();
    const faults: string[] = [];
    const defines = objects.some(({ kind }) => kind === 'CustomResourceDefinition');
    for (const object of objects.toSorted((a, b) => rank(a) - rank(b))) {
      try {
        kept.add(await this.#applyOne(withMarks(object, marks), defines, signal));
      } catch (error) {
        signal.throwIfAborted();
        faults.push(`${object.kind} ${toKeyText(keyOf(object))}: ${(error as Error).message}`);
      }
    }
    if (faults.length > 0) throw new SetError(faults.join(', '));
    await this.#prune(marks, [...kindsOf(objects), ...formerKinds], kept, signal);
  }

  /** The identity of what was applied. */
  async #applyOne(object: AnyObject, defines: boolean, signal: AbortSignal): Promise<string> {
    const type = await this.#resourceOf(toGvk(object), { tries: defines ? DEFINITION_TRIES : 1, signal });
    if (type === undefined)
      throw new SetError(`no matches for kind "${object.kind}" in version "${object.apiVersion}"`);
    const { namespace, ...rest } = object.metadata;
    const metadata = type.namespaced ? { ...rest, namespace: namespace || DEFAULT_NAMESPACE } : rest;
    const wanted: AnyObject = { ...object, metadata };
    const key = keyOf(wanted);
    const options = { type: 'apply', force: true, fieldManager: FIELD_MANAGER, signal } as const;
    try {
      await this.#client.patch(type, key, wanted, options);
    } catch (error) {
      if (!isInvalid(error) || !replaceable.has(type.kind) || !/immutable/.test((error as Error).message)) throw error;
      await this.#client.delete(type, key, { propagationPolicy: 'Background', signal });
      await this.#untilGone(type, wanted, signal);
      await this.#client.patch(type, key, wanted, options);
    }
    return identityOf(type, wanted);
  }

  async #untilGone(type: ResourceType<AnyObject>, object: AnyObject, signal: AbortSignal): Promise<void> {
    for (let tries = 0; tries < DEFINITION_TRIES; tries++) {
      try {
        await this.#client.get(type, keyOf(object), { signal });
      } catch (error) {
        if (isNotFound(error)) return;
        throw error;
      }
      await this.#clock.sleep(POLL_MS, signal);
    }
    throw new SetError('waits for the end of its predecessor');
  }

  async #prune(marks: SetMarks, kinds: readonly Gvk[], kept: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const unique = new Map(kinds.map((kind) => [toGvkText(kind), kind]));
    for (const kind of unique.values()) {
      const type = await this.#resourceOf(kind, { tries: 1, signal });
      // Definitions may have gone, and with them what they defined.
      if (type === undefined) continue;
      const { items } = await this.#client.list(type, { labelSelector: marks.selector, signal });
      for (const object of items) {
        if (kept.has(identityOf(type, object)) || object.metadata.annotations?.[PRUNE_ANNOTATION] === 'false') continue;
        await this.#client.delete(type, keyOf(object), { propagationPolicy: 'Background', signal }).catch((error) => {
          if (!isNotFound(error)) throw error;
        });
      }
    }
  }

  async #resourceOf(
    gvk: Gvk,
    { tries, signal }: { readonly tries: number; readonly signal: AbortSignal },
  ): Promise<ResourceType<AnyObject> | undefined> {
    const id = toGvkText(gvk);
    for (let left = tries; left > 0; left--) {
      const known = this.#resources.get(id);
      if (known !== undefined) return known;
      await this.#discover(gvk, signal);
      if (!this.#resources.has(id) && left > 1) await this.#clock.sleep(POLL_MS, signal);
    }
    return this.#resources.get(id);
  }

  async #discover({ group, version }: Gvk, signal: AbortSignal): Promise<void> {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    try {
      const list = (await this.#client.transport.request({ method: 'GET', path, signal })) as APIResourceList;
      for (const { name, kind, namespaced } of list.resources) {
        if (name.includes('/')) continue;
        const type = { group, version, kind, plural: name, namespaced };
        this.#resources.set(toGvkText(type), type);
      }
    } catch (error) {
      // A group that nobody serves is no `Status`, only a code.
      if (codeOf(error) !== 404) throw error;
    }
  }
}

/** Kinds of the objects, each once. */
export function kindsOf(objects: readonly AnyObject[]): Gvk[] {
  return [...new Map(objects.map(toGvk).map((gvk) => [toGvkText(gvk), gvk])).values()];
}

function toGvk({ apiVersion = '', kind = '' }: AnyObject): Gvk {
  return { ...parseApiVersion(apiVersion), kind };
}

function identityOf(type: ResourceType, object: KubeObject): string {
  return `${toApiVersion(type)} ${type.plural} ${toKeyText(keyOf(object))}`;
}
