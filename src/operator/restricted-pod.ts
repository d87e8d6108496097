import type { EffectiveSpec } from './api/virtual-cluster.ts';

/** What every pod of ours says of itself, so that a `restricted` namespace takes it. */
export const podSecurity = {
  // Nobody of us talks to the host from a pod of a tenant; it gets no identity there.
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    fsGroup: 65532,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  },
} as const;

export const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const;

/** Where a Job of a tenant may run: as its server, but for what keeps replicas apart. */
export function jobPlacement({ podTemplate }: Pick<EffectiveSpec, 'podTemplate'>): Record<string, unknown> {
  const { nodeSelector, tolerations, imagePullSecrets, priorityClassName, runtimeClassName } = podTemplate?.spec ?? {};
  const placement = { nodeSelector, tolerations, imagePullSecrets, priorityClassName, runtimeClassName };
  return Object.fromEntries(Object.entries(placement).filter(([, value]) => value !== undefined));
}
