/**
 * What agents are told to let the server dial beside their kubelet: nothing (`agent`, `disabled`), the pods that run on
 * their own node (`pod`), or the cluster's networks (`cluster`).
 *
 * Source: k3s `pkg/daemons/config/types.go`, `pkg/agent/tunnel/tunnel.go` (authorized).
 */
export const EGRESS_MODES = ['agent', 'cluster', 'pod', 'disabled'] as const;

export type EgressMode = (typeof EGRESS_MODES)[number];
