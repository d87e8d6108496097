import type { AnyObject, GroupVersionKind } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toWire } from '../../machinery/schema/to-wire.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { EquivalentKinds } from './equivalent-kinds.ts';

/** The objects of an attempt in one version. */
export interface VersionedPair {
  readonly object: AnyObject | undefined;
  readonly previous: AnyObject | undefined;
}

/** The objects of an attempt in the versions that webhooks want. Source: apiserver `pkg/admission/conversion.go`. */
export class VersionedObject {
  readonly #attempt: AdmissionAttempt;
  readonly #kinds: EquivalentKinds;
  readonly #previous = new Map<string, AnyObject>();
  #kind: GroupVersionKind;
  #object: AnyObject | undefined;

  constructor(attempt: AdmissionAttempt, kinds: EquivalentKinds) {
    this.#attempt = attempt;
    this.#kinds = kinds;
    this.#kind = attempt.kind;
    this.#object = attempt.object;
  }

  /** The object in whatever version it is now. */
  get current(): AnyObject | undefined {
    return this.#object;
  }

  /** @throws Error where there is no such version */
  async in(kind: GroupVersionKind): Promise<VersionedPair> {
    if (!isSameKind(kind, this.#kind)) {
      if (this.#object !== undefined) this.#object = await this.#kinds.convert(this.#object, this.#kind, kind);
      this.#kind = kind;
    }
    return { object: this.#object, previous: await this.#previousIn(kind) };
  }

  /** The same with the fields that Go always writes, on which patches may count. */
  async shownIn(kind: GroupVersionKind): Promise<VersionedPair> {
    const { object, previous } = await this.in(kind);
    const definition = this.definitionOf(kind);
    if (definition?.origin !== 'builtin') return { object, previous };
    const shown = (value: AnyObject | undefined): AnyObject | undefined => value && toWire(value, definition.schema);
    return { object: shown(object), previous: shown(previous) };
  }

  definitionOf(kind: GroupVersionKind): ResourceDefinition | undefined {
    return isSameKind(kind, this.#attempt.kind) ? this.#attempt.definition : this.#kinds.definitionOf(kind);
  }

  /** Puts another object in the place of the current one, in its version. */
  replace(object: AnyObject): void {
    this.#object = object;
  }

  /** Writes what has become of the object back into the attempt's own, in its version. */
  async settle(): Promise<void> {
    const { object: target, kind } = this.#attempt;
    const { object } = await this.in(kind);
    if (target === undefined || object === undefined || object === target) return;
    for (const key of Object.keys(target)) if (!Object.hasOwn(object, key)) delete target[key];
    Object.assign(target, object);
  }

  async #previousIn(kind: GroupVersionKind): Promise<AnyObject | undefined> {
    const { previous, kind: own } = this.#attempt;
    if (previous === undefined || isSameKind(kind, own)) return previous;
    const key = `${kind.group}/${kind.version}/${kind.kind}`;
    const known = this.#previous.get(key) ?? (await this.#kinds.convert(previous, own, kind));
    this.#previous.set(key, known);
    return known;
  }
}

function isSameKind(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a.group === b.group && a.version === b.version && a.kind === b.kind;
}
