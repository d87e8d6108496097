import type { Client } from '../../../client/client.ts';
import type { Clock } from '../../../std/clock.ts';
import type { ObjectFeed } from '../../authz/object-feed.ts';
import type { Authorizer } from '../../call.ts';
import type { PodSecurityMetrics } from '../../metrics/pod-security-metrics.ts';
import type { ObjectReader } from '../../object-reader.ts';
import type { ResourceCatalog } from '../../served-resources.ts';
import type { AdmissionPlugin } from '../admission.ts';
import type { PluginConfigurations } from '../admission-configuration.ts';
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
import { deviceClaims } from './device-claims.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeDeclaredFeatureValidator } from './node-declared-features.ts';
import { nodeRestriction } from './node-restriction.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { podResizeValidator } from './pod-resize-validator.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { policyParameters } from './policy-parameters.ts';
import { priority } from './priority.ts';
import { resourceQuota } from './resource-quota/resource-quota.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

export interface PluginDeps {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  readonly catalog: ResourceCatalog;
  /** The server's own client. */
  readonly client: Client;
  readonly clock: Clock;
  readonly authorizer: Authorizer;
  readonly readSubject: ReadRequestSubject;
  /** Default: nobody counts. */
  readonly podSecurityMetrics?: PodSecurityMetrics | undefined;
  /** Policies and webhooks, which come behind all that the server knows of itself and before the quotas. */
  readonly configured?: readonly AdmissionPlugin[] | undefined;
}

/** Plugins by name that are on or off against their default, and what they are told. */
export interface PluginSelection {
  readonly enable?: readonly string[] | undefined;
  readonly disable?: readonly string[] | undefined;
  /** What plugins are told beyond upstream's defaults. */
  readonly configurations?: PluginConfigurations | undefined;
}

interface ListedPlugin {
  readonly isOff?: boolean;
  make(deps: PluginDeps, configurations: PluginConfigurations): AdmissionPlugin | Promise<AdmissionPlugin>;
}

/**
 * In the order in which they run. Those of features that are off in 1.36 are left out (PodGroupProtection,
 * PodGroupWorkloadExists, JobValidation, ClusterTrustBundleAttest). Source: `pkg/kubeapiserver/options/plugins.go`.
 */
const listed: Readonly<Record<string, ListedPlugin>> = {
  NamespaceAutoProvision: {
    isOff: true,
    make: async (deps) => (await import('./namespace-auto-provision.ts')).namespaceAutoProvision(deps),
  },
  NamespaceLifecycle: { make: namespaceLifecycle },
  NamespaceExists: {
    isOff: true,
    make: async (deps) => (await import('./namespace-exists.ts')).namespaceExists(deps),
  },
  LimitPodHardAntiAffinityTopology: {
    isOff: true,
    make: async () => (await import('./limit-pod-hard-anti-affinity-topology.ts')).limitPodHardAntiAffinityTopology,
  },
  LimitRanger: { make: limitRanger },
  ServiceAccount: { make: serviceAccount },
  NodeRestriction: { make: nodeRestriction },
  TaintNodesByCondition: { make: () => taintNodesByCondition },
  AlwaysPullImages: {
    isOff: true,
    make: async () => (await import('./always-pull-images.ts')).alwaysPullImages,
  },
  PodSecurity: {
    make: (deps, { podSecurity: settings }) => podSecurity({ ...deps, settings, metrics: deps.podSecurityMetrics }),
  },
  PodNodeSelector: {
    isOff: true,
    make: async (deps, { podNodeSelector: allowed }) => {
      const { podNodeSelector } = await import('./pod-node-selector.ts');
      return podNodeSelector({ ...deps, allowed, clusterDefault: allowed?.['clusterDefaultNodeSelector'] });
    },
  },
  Priority: { make: priority },
  DefaultTolerationSeconds: { make: (_, { tolerationSeconds }) => defaultTolerationSeconds(tolerationSeconds) },
  PodTolerationRestriction: {
    isOff: true,
    make: async (deps, { podTolerationRestriction }) =>
      (await import('./pod-toleration-restriction.ts')).podTolerationRestriction(deps, podTolerationRestriction),
  },
  EventRateLimit: {
    isOff: true,
    make: async (deps, { eventRateLimit }) => {
      if (eventRateLimit === undefined) throw new Error('EventRateLimit needs limits in its configuration');
      return (await import('./event-rate-limit.ts')).eventRateLimit(deps, eventRateLimit);
    },
  },
  ExtendedResourceToleration: {
    isOff: true,
    make: async () => (await import('./extended-resource-toleration.ts')).extendedResourceToleration,
  },
  DefaultStorageClass: { make: defaultStorageClass },
  StorageObjectInUseProtection: { make: () => storageObjectInUseProtection },
  OwnerReferencesPermissionEnforcement: {
    isOff: true,
    make: async (deps) => (await import('./owner-references-permission.ts')).ownerReferencesPermissionEnforcement(deps),
  },
  PersistentVolumeClaimResize: { make: persistentVolumeClaimResize },
  RuntimeClass: { make: runtimeClass },
  CertificateApproval: { make: certificateApproval },
  CertificateSigning: { make: certificateSigning },
  CertificateSubjectRestriction: { make: certificateSubjectRestriction },
  DefaultIngressClass: { make: defaultIngressClass },
  DenyServiceExternalIPs: {
    isOff: true,
    make: async () => (await import('./deny-service-external-ips.ts')).denyServiceExternalIps,
  },
  PodTopologyLabels: { make: podTopologyLabels },
  NodeDeclaredFeatureValidator: { make: nodeDeclaredFeatureValidator },
  PodResizeValidator: { make: podResizeValidator },
};

/** Names that come behind those of the list, and names of features that are off in 1.36. */
const furtherNames = new Set([
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
  'PodGroupProtection',
  'PodGroupWorkloadExists',
  'JobValidation',
  'ClusterTrustBundleAttest',
]);

/**
 * The plugins that are on, what is configured, and the quotas last.
 * @throws Error with upstream's sentence for names that are unknown or selected both ways.
 */
export async function builtinPlugins(
  deps: PluginDeps,
  { enable = [], disable = [], configurations = {} }: PluginSelection = {},
): Promise<readonly AdmissionPlugin[]> {
  checkNames('enable-admission-plugins', enable);
  checkNames('disable-admission-plugins', disable);
  const both = enable.filter((name) => disable.includes(name));
  if (both.length > 0) {
    throw new Error(`[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`);
  }
  const isOn = (name: string, isOff = false): boolean => !disable.includes(name) && (!isOff || enable.includes(name));
  const chosen = Object.entries(listed).filter(([name, { isOff }]) => isOn(name, isOff));
  const plugins = await Promise.all(chosen.map(([, { make }]) => make(deps, configurations)));
  const configured = deps.configured?.filter(({ name }) => isOn(name)) ?? [];
  const quota = isOn('ResourceQuota') ? [resourceQuota(deps)] : [];
  const ofKinds = [certificateRequester, policyParameters(deps), deviceClaims(deps)];
  return [...plugins, ...configured, ...ofKinds, ...quota];
}

function checkNames(flag: string, names: readonly string[]): void {
  for (const name of names) {
    if (!Object.hasOwn(listed, name) && !furtherNames.has(name)) throw new Error(`${flag} plugin "${name}" is unknown`);
  }
}
