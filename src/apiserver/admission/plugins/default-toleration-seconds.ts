import type { Pod, Toleration } from '../../../generated/api/core/v1.ts';
import { type AdmissionPlugin, concerns } from '../admission.ts';

const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;
const SECONDS = 300;

/** Lets pods outlive five minutes of a lost node. Source: `plugin/pkg/admission/defaulttolerationseconds`. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  operations: ['CREATE', 'UPDATE'],
  mutate(attempt) {
    if (!concerns(attempt, '', 'pods')) return;
    const pod = attempt.object as unknown as Pod;
    if (pod.spec === undefined) return;
    const given = pod.spec.tolerations ?? [];
    const missing = keys.filter((key) => !given.some((toleration) => covers(toleration, key)));
    if (missing.length === 0) return;
    const added = missing.map((key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: SECONDS,
    }));
    pod.spec.tolerations = [...given, ...added];
  },
};

function covers(toleration: Toleration, key: string): boolean {
  return (!toleration.key || toleration.key === key) && (!toleration.effect || toleration.effect === 'NoExecute');
}
