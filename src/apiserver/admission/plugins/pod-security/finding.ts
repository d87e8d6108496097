import type { Container, PodSpec } from '../../../../generated/api/core/v1.ts';

/** What a check sees of a pod or of a template. */
export interface CheckedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

/** Why a check refuses a pod. */
export interface Finding {
  /** In short, as it stands alone in warnings about many pods. */
  readonly reason: string;
  readonly detail: string;
}

export type Check = (pod: CheckedPod) => Finding | undefined;

/** Init containers first, then the others, then ephemeral ones. */
export function containersOf(spec: PodSpec): readonly Container[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = spec;
  return [...initContainers, ...containers, ...(ephemeralContainers as readonly Container[])];
}

/** The names of the containers that are `bad`. */
export function namesOf(spec: PodSpec, bad: (container: Container) => boolean): readonly string[] {
  return containersOf(spec)
    .filter(bad)
    .map(({ name }) => name);
}

export function quoteAll(items: Iterable<string>): string {
  return [...items].map((item) => `"${item}"`).join(', ');
}

export function sorted(items: ReadonlySet<string>): readonly string[] {
  return [...items].sort();
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many;
}

/** `container "a"`, `containers "a", "b"`. */
export function containersText(names: readonly string[]): string {
  return `${plural(names.length, 'container')} ${quoteAll(names)}`;
}

/** Who set something: the pod itself, some of its containers, or both. */
export function settersOf(byPod: boolean, containers: readonly string[]): readonly string[] {
  return [...(byPod ? ['pod'] : []), ...(containers.length === 0 ? [] : [containersText(containers)])];
}
