import type { Authorizer } from '../../call.ts';
import type { ObjectReader } from '../../object-reader.ts';
import type { AdmissionPlugin } from '../admission.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  type ReadRequestSubject,
} from './certificate-requests.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

export interface PluginDeps {
  readonly reader: ObjectReader;
  readonly authorizer: Authorizer;
  readonly readSubject: ReadRequestSubject;
}

/**
 * The plugins that are on by default, in the order in which they run; OwnerReferencesPermissionEnforcement is off as
 * upstream's. Policies and webhooks come behind them, quota last. Source: `pkg/kubeapiserver/options/plugins.go`.
 */
export function builtinPlugins(deps: PluginDeps): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(deps),
    limitRanger(deps),
    serviceAccount(deps),
    nodeRestriction(deps),
    taintNodesByCondition,
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
  ];
}
