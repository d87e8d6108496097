/** What the place of a pod spec decides. */
export interface PodSpecOptions {
  /** A pod itself, not a template of pods. */
  readonly isPod: boolean;
  /** Name of the pod, where it has one already. */
  readonly podName?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export const templateOptions: PodSpecOptions = { isPod: false };
