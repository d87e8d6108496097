import type { KubeObject, ObjectKey, ResourceType } from '../machinery/object/object.ts';

/** Reads stored objects by kind, from memory where it can. What it returns is frozen and shared. */
export interface ObjectReader {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined>;
  /** All objects of a kind, or those of one namespace. */
  list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): Promise<readonly T[]>;
}
