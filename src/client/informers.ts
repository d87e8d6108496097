import type { KubeObject, ResourceType } from '../machinery/object/object.ts';
import { childController } from '../std/abort.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Client } from './client.ts';
import { Informer, type KeepPart } from './informer.ts';

export interface InformersOptions {
  /** The identity that lists and watches for everybody. */
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends every informer. */
  readonly signal: AbortSignal;
  /** What each keeps of its objects. Default: all. */
  readonly keep?: KeepPart | undefined;
}

/** Narrows an informer to a part of its collection. */
export interface InformerScope {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

interface Entry {
  readonly informer: Informer<KubeObject>;
  readonly stop: () => void;
  readonly ended: Promise<void>;
}

/** All informers of a process: whoever asks for a resource first starts it, all others share it. */
export class Informers {
  readonly #options: InformersOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: InformersOptions) {
    this.#options = options;
  }

  /** The running informer of a resource; starts it where nobody has yet. */
  for<T extends KubeObject>(type: ResourceType<T>, scope: InformerScope = {}): Informer<T> {
    const id = toId(type, scope);
    const found = this.#entries.get(id);
    if (found !== undefined) return found.informer as unknown as Informer<T>;
    const { client, clock, logger, signal, keep } = this.#options;
    const informer = new Informer<T>({ client, type, clock, logger, keep, ...scope });
    const { controller, dispose } = childController(signal);
    const ended = informer.run(controller.signal).finally(dispose);
    const entry = { informer: informer as unknown as Informer<KubeObject>, stop: () => controller.abort(), ended };
    this.#entries.set(id, entry);
    return informer;
  }

  /** The informer of a resource, if it runs. */
  find<T extends KubeObject>(type: ResourceType<T>, scope: InformerScope = {}): Informer<T> | undefined {
    return this.#entries.get(toId(type, scope))?.informer as unknown as Informer<T> | undefined;
  }

  /** Stops an informer that nobody needs any more, such as that of a removed custom resource. */
  stop(type: ResourceType, scope: InformerScope = {}): void {
    const id = toId(type, scope);
    this.#entries.get(id)?.stop();
    this.#entries.delete(id);
  }

  /** Resolves once every informer that was asked for so far holds its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.informer.synced));
  }

  /** Resolves once all have ended, after the signal's abort. */
  async ended(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.ended));
  }
}

function toId(type: ResourceType, scope: InformerScope): string {
  const { namespace = '', labelSelector = '', fieldSelector = '' } = scope;
  return [type.group, type.version, type.plural, namespace, labelSelector, fieldSelector].join('|');
}
