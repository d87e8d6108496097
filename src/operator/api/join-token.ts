import type { Condition } from '../../generated/api/meta/v1.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { NodeTaint } from '../../pki/join-limits.ts';

export interface JoinTokenSpec {
  virtualClusterName: string;
  /** From its creation on. Default 24h; `0s`: it does not end. */
  ttl?: string;
  /** Absent: any number of machines. */
  maxUses?: number;
  nodeLabels?: Record<string, string>;
  nodeTaints?: NodeTaint[];
  description?: string;
  /** Lets nobody in any more; machines that have joined stay. */
  revoked?: boolean;
}

export type JoinTokenPhase = 'Pending' | 'Active' | 'Expired' | 'Exhausted' | 'Revoked';

export interface JoinTokenStatus {
  observedGeneration?: number;
  phase?: JoinTokenPhase;
  conditions?: Condition[];
  /** The public part of the token. */
  tokenID?: string;
  /** The Secret with the token, the URL and the line for a machine. */
  tokenSecretRef?: { name: string };
  expires?: string;
  /** Nodes that came with it. */
  usedBy?: string[];
  /** How many came, of how many. */
  uses?: string;
}

/** A token with which machines join one tenant, for some time, so often, with labels and taints of its own. */
export interface JoinToken extends KubeObject {
  spec: JoinTokenSpec;
  status?: JoinTokenStatus;
}

export const joinTokens: ResourceType<JoinToken> = {
  group: 'warren.dev',
  version: 'v1alpha1',
  kind: 'JoinToken',
  plural: 'jointokens',
  namespaced: true,
};

/** Stops the deletion of a JoinToken until the tenant does not take it any more. */
export const JOIN_TOKEN_FINALIZER = 'warren.dev/join-token';
