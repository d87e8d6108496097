import type { ControllerDefinition, ControllerDeps } from './definition.ts';
import { controllerUser } from './definition.ts';

type Run = (deps: ControllerDeps, signal: AbortSignal) => Promise<void>;

function define(name: string, user: string, load: () => Promise<Run>): ControllerDefinition {
  return {
    name,
    user: controllerUser(user),
    start: async (deps, signal) => {
      const run = await load();
      if (!signal.aborted) await run(deps, signal);
    },
  };
}

/**
 * Every controller that a cluster runs, named as kube-controller-manager's `--controllers` names it. What a new cluster
 * needs first stands first.
 */
export const controllers: readonly ControllerDefinition[] = [
  define(
    'serviceaccount-controller',
    'service-account-controller',
    async () => (await import('./serviceaccount/controller.ts')).runServiceAccountController,
  ),
  {
    name: 'serviceaccount-token-controller',
    user: 'system:kube-controller-manager',
    start: async (deps, signal) => {
      const { runSecretTokens } = await import('./serviceaccount/secret-tokens.ts');
      if (!signal.aborted) await runSecretTokens(deps, signal);
    },
  },
  define(
    'legacy-serviceaccount-token-cleaner-controller',
    'legacy-service-account-token-cleaner',
    async () => (await import('./serviceaccount/token-cleaner.ts')).runTokenSecretCleaner,
  ),
  define(
    'root-ca-certificate-publisher-controller',
    'root-ca-cert-publisher',
    async () => (await import('./root-ca/controller.ts')).runRootCaPublisher,
  ),
  define(
    'namespace-controller',
    'namespace-controller',
    async () => (await import('./namespace/controller.ts')).runNamespaceController,
  ),
  define(
    'node-ipam-controller',
    'node-controller',
    async () => (await import('./node-ipam/controller.ts')).runNodeIpamController,
  ),
  define(
    'node-lifecycle-controller',
    'node-controller',
    async () => (await import('./node-lifecycle/controller.ts')).runNodeLifecycleController,
  ),
  define(
    'taint-eviction-controller',
    'node-controller',
    async () => (await import('./taint-eviction/controller.ts')).runTaintEvictionController,
  ),
  define(
    'deployment-controller',
    'deployment-controller',
    async () => (await import('./deployment/controller.ts')).runDeploymentController,
  ),
  define(
    'replicaset-controller',
    'replicaset-controller',
    async () => (await import('./replicaset/controller.ts')).runReplicaSetController,
  ),
  define(
    'replicationcontroller-controller',
    'replication-controller',
    async () => (await import('./replicaset/controller.ts')).runReplicationController,
  ),
  define(
    'daemonset-controller',
    'daemon-set-controller',
    async () => (await import('./daemonset/controller.ts')).runDaemonSetController,
  ),
  define(
    'endpoints-controller',
    'endpoint-controller',
    async () => (await import('./endpoints/controller.ts')).runEndpointsController,
  ),
  define(
    'endpointslice-controller',
    'endpointslice-controller',
    async () => (await import('./endpoints/controller.ts')).runEndpointSliceController,
  ),
  define(
    'endpointslice-mirroring-controller',
    'endpointslicemirroring-controller',
    async () => (await import('./endpoints/mirroring.ts')).runEndpointSliceMirroringController,
  ),
  define('job-controller', 'job-controller', async () => (await import('./job/controller.ts')).runJobController),
  define(
    'cronjob-controller',
    'cronjob-controller',
    async () => (await import('./cronjob/controller.ts')).runCronJobController,
  ),
  define(
    'statefulset-controller',
    'statefulset-controller',
    async () => (await import('./statefulset/controller.ts')).runStatefulSetController,
  ),
  define(
    'garbage-collector-controller',
    'generic-garbage-collector',
    async () => (await import('./garbage-collector/controller.ts')).runGarbageCollector,
  ),
  define(
    'pod-garbage-collector-controller',
    'pod-garbage-collector',
    async () => (await import('./pod-gc/controller.ts')).runPodGarbageCollector,
  ),
  define(
    'ttl-after-finished-controller',
    'ttl-after-finished-controller',
    async () => (await import('./job/ttl.ts')).runTtlAfterFinishedController,
  ),
  define(
    'persistentvolume-binder-controller',
    'persistent-volume-binder',
    async () => (await import('./volume/binder.ts')).runVolumeBinder,
  ),
  define(
    'ephemeral-volume-controller',
    'ephemeral-volume-controller',
    async () => (await import('./ephemeral-volume/controller.ts')).runEphemeralVolumeController,
  ),
  define(
    'persistentvolumeclaim-protection-controller',
    'pvc-protection-controller',
    async () => (await import('./volume/protection.ts')).runClaimProtection,
  ),
  define(
    'persistentvolume-protection-controller',
    'pv-protection-controller',
    async () => (await import('./volume/protection.ts')).runVolumeProtection,
  ),
  define(
    'certificatesigningrequest-approving-controller',
    'certificate-controller',
    async () => (await import('./certificates/approving.ts')).runCertificateApprover,
  ),
  define(
    'certificatesigningrequest-signing-controller',
    'certificate-controller',
    async () => (await import('./certificates/signing.ts')).runCertificateSigner,
  ),
  define(
    'certificatesigningrequest-cleaner-controller',
    'certificate-controller',
    async () => (await import('./certificates/cleaning.ts')).runCertificateCleaner,
  ),
  define(
    'clusterrole-aggregation-controller',
    'clusterrole-aggregation-controller',
    async () => (await import('./clusterrole-aggregation/controller.ts')).runClusterRoleAggregation,
  ),
  define(
    'bootstrap-token-cleaner-controller',
    'token-cleaner',
    async () => (await import('./bootstrap-tokens/controller.ts')).runTokenCleaner,
  ),
  define(
    'ttl-controller',
    'ttl-controller',
    async () => (await import('./node-ttl/controller.ts')).runNodeTtlController,
  ),
  define(
    'persistentvolume-expander-controller',
    'expand-controller',
    async () => (await import('./volume/expansion.ts')).runVolumeExpansion,
  ),
  define(
    'persistentvolume-attach-detach-controller',
    'attachdetach-controller',
    async () => (await import('./attach-detach/controller.ts')).runAttachDetachController,
  ),
  define(
    'volumeattributesclass-protection-controller',
    'volumeattributesclass-protection-controller',
    async () => (await import('./volume/protection.ts')).runAttributesClassProtection,
  ),
  define(
    'bootstrap-signer-controller',
    'bootstrap-signer',
    async () => (await import('./bootstrap-tokens/signer.ts')).runBootstrapSigner,
  ),
  define(
    'resourceclaim-controller',
    'resource-claim-controller',
    async () => (await import('./resource-claim/controller.ts')).runResourceClaimController,
  ),
  define(
    'device-taint-eviction-controller',
    'device-taint-eviction-controller',
    async () => (await import('./device-taint-eviction/controller.ts')).runDeviceTaintEviction,
  ),
  define(
    'disruption-controller',
    'disruption-controller',
    async () => (await import('./disruption/controller.ts')).runDisruptionController,
  ),
  define(
    'resourcequota-controller',
    'resourcequota-controller',
    async () => (await import('./resourcequota/controller.ts')).runResourceQuotaController,
  ),
  define(
    'service-cidr-controller',
    'service-cidrs-controller',
    async () => (await import('./service-cidrs/controller.ts')).runServiceCidrs,
  ),
  define(
    'horizontal-pod-autoscaler-controller',
    'horizontal-pod-autoscaler',
    async () => (await import('./hpa/controller.ts')).runHorizontalPodAutoscaler,
  ),
  define(
    'validatingadmissionpolicy-status-controller',
    'validatingadmissionpolicy-status-controller',
    async () => (await import('./validating-admission-policy-status/controller.ts')).runPolicyStatus,
  ),
];

/**
 * Runs all controllers but those named in `disabled` until aborted; resolves once the last of them has ended. One that
 * cannot be loaded is logged and leaves the others alone.
 */
export async function runControllers(
  deps: ControllerDeps,
  options: { readonly disabled?: readonly string[] | undefined },
  signal: AbortSignal,
): Promise<void> {
  const disabled = new Set(options.disabled ?? []);
  await Promise.all(
    controllers
      .filter((controller) => !disabled.has(controller.name))
      .map((controller) =>
        controller.start(deps, signal).catch((error: unknown) => {
          if (!signal.aborted) deps.logger.error('a controller ended', { controller: controller.name, error });
        }),
      ),
  );
}
