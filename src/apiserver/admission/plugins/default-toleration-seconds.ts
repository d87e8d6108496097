import type { Pod, Toleration } from '../../../generated/api/core/v1.ts';
import { type AdmissionPlugin, concerns } from '../admission.ts';

export interface TolerationSeconds {
  /** On nodes that are not ready. Default 300. */
  readonly notReady?: number | undefined;
  /** On nodes that nobody reaches. Default 300. */
  readonly unreachable?: number | undefined;
}

const SECONDS = 300;

/** Lets pods outlive some minutes of a lost node. Source: `plugin/pkg/admission/defaulttolerationseconds`. */
export function defaultTolerationSeconds(seconds: TolerationSeconds = {}): AdmissionPlugin {
  const { notReady = SECONDS, unreachable = SECONDS } = seconds;
  const all = [
    ['node.kubernetes.io/not-ready', notReady],
    ['node.kubernetes.io/unreachable', unreachable],
  ] as const;
  return {
    name: 'DefaultTolerationSeconds',
    operations: ['CREATE', 'UPDATE'],
    mutate(attempt) {
      if (!concerns(attempt, '', 'pods')) return;
      const pod = attempt.object as unknown as Pod;
      if (pod.spec === undefined) return;
      const given = pod.spec.tolerations ?? [];
      const missing = all.filter(([key]) => !given.some((toleration) => covers(toleration, key)));
      if (missing.length === 0) return;
      const added = missing.map(([key, tolerationSeconds]) => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds,
      }));
      pod.spec.tolerations = [...given, ...added];
    },
  };
}

function covers(toleration: Toleration, key: string): boolean {
  return (!toleration.key || toleration.key === key) && (!toleration.effect || toleration.effect === 'NoExecute');
}
