import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Pod, PodTemplateSpec } from '../../generated/api/core/v1.ts';
import { pods } from '../../generated/resource-types.ts';
import { isNotFound, StatusError } from '../../machinery/errors/status-error.ts';
import { type KubeObject, ownedBy, type ResourceType } from '../../machinery/object/object.ts';

export interface PodOwner {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

/** The pod that a template stands for, named after its owner and controlled by it. */
export function podFromTemplate(template: PodTemplateSpec, owner: PodOwner): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { name, namespace } = owner.object.metadata;
  return {
    metadata: {
      generateName: toNamePrefix(name ?? ''),
      namespace,
      labels: { ...labels },
      annotations: { ...annotations },
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [ownedBy(owner.object, owner.type)],
    },
    spec: structuredClone(template.spec ?? { containers: [] }),
  };
}

/** A name that a suffix is added to; the longest names leave no room for a dash. */
function toNamePrefix(name: string): string {
  return name.length < 253 ? `${name}-` : name;
}

/** Creates and deletes pods for owners, and tells of it by events on the owner. */
export class PodControl {
  readonly #client: Client;
  readonly #recorder: EventRecorder;

  constructor(client: Client, recorder: EventRecorder) {
    this.#client = client;
    this.#recorder = recorder;
  }

  /** Source: `pkg/controller/controller_utils.go` (RealPodControl.createPods). */
  async create(pod: Pod, owner: PodOwner): Promise<Pod> {
    const about = referenceTo(owner.type, owner.object);
    try {
      const created = await this.#client.create(pods, pod);
      this.#recorder.event(about, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
      return created;
    } catch (error) {
      // In a namespace that ends nobody needs to hear of it.
      if (!isNamespaceTerminating(error)) {
        const text = error instanceof Error ? error.message : String(error);
        this.#recorder.event(about, 'Warning', 'FailedCreate', `Error creating: ${text}`);
      }
      throw error;
    }
  }

  /** @throws StatusError also NotFound: the caller counts what it expects to see. */
  async delete(pod: Pod, owner: PodOwner): Promise<void> {
    const about = referenceTo(owner.type, owner.object);
    const { namespace, name, uid } = pod.metadata;
    try {
      await this.#client.delete(pods, { namespace, name: name ?? '' }, { preconditions: { uid } });
      this.#recorder.event(about, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      if (!isNotFound(error)) {
        const text = error instanceof Error ? error.message : String(error);
        this.#recorder.event(about, 'Warning', 'FailedDelete', `Error deleting: ${text}`);
      }
      throw error;
    }
  }
}

/** Whether a creation was refused because its namespace ends; trying again is vain. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  return error.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false;
}
