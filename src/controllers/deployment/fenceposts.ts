import type { Deployment } from '../../generated/api/apps/v1.ts';
import { toScaledInt } from '../int-or-percent.ts';

export function isRollingUpdate(deployment: Deployment): boolean {
  return (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/** Pods above the wished number during a rolling update: rounded up. */
export function maxSurgeOf(deployment: Deployment): number {
  if (!isRollingUpdate(deployment)) return 0;
  return toScaledInt(deployment.spec.strategy?.rollingUpdate?.maxSurge ?? '25%', deployment.spec.replicas ?? 1, 'up');
}

/** Pods that may be missing during a rolling update: rounded down, but 1 where both would be 0 and nothing could move. */
export function maxUnavailableOf(deployment: Deployment): number {
  const replicas = deployment.spec.replicas ?? 1;
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  const wish = deployment.spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%';
  const scaled = toScaledInt(wish, replicas, 'down');
  return Math.min(replicas, scaled === 0 && maxSurgeOf(deployment) === 0 ? 1 : scaled);
}
