import type { Client } from '../../../client/client.ts';
import type { Clock } from '../../../std/clock.ts';
import type { ObjectFeed } from '../../authz/object-feed.ts';
import type { Authorizer } from '../../call.ts';
import type { ObjectReader } from '../../object-reader.ts';
import type { AdmissionPlugin } from '../admission.ts';
import {
  certificateApproval,
  certificateRequester,
  certificateSigning,
  certificateSubjectRestriction,
  type ReadRequestSubject,
} from './certificate-requests.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeDeclaredFeatureValidator } from './node-declared-features.ts';
import { nodeRestriction } from './node-restriction.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { podResizeValidator } from './pod-resize-validator.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { priority } from './priority.ts';
import { resourceQuota } from './resource-quota/resource-quota.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

export interface PluginDeps {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  /** The server's own client. */
  readonly client: Client;
  readonly clock: Clock;
  readonly authorizer: Authorizer;
  readonly readSubject: ReadRequestSubject;
  /** Policies and webhooks, which come behind all that the server knows of itself and before the quotas. */
  readonly configured?: readonly AdmissionPlugin[] | undefined;
}

/**
 * The plugins that are on by default, in the order in which they run. Those of features that are off in 1.36 are left
 * out (PodGroupProtection, PodGroupWorkloadExists, JobValidation, ClusterTrustBundleAttest).
 * Source: `pkg/kubeapiserver/options/plugins.go`.
 */
export function builtinPlugins(deps: PluginDeps): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(deps),
    limitRanger(deps),
    serviceAccount(deps),
    nodeRestriction(deps),
    taintNodesByCondition,
    podSecurity(deps),
    priority(deps),
    defaultTolerationSeconds,
    defaultStorageClass(deps),
    storageObjectInUseProtection,
    persistentVolumeClaimResize(deps),
    runtimeClass(deps),
    certificateApproval(deps),
    certificateSigning(deps),
    certificateSubjectRestriction(deps),
    defaultIngressClass(deps),
    certificateRequester,
    podTopologyLabels(deps),
    nodeDeclaredFeatureValidator(deps),
    podResizeValidator(deps),
    ...(deps.configured ?? []),
    resourceQuota(deps),
  ];
}
