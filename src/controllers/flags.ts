import {
  type FlagTable,
  parseComponentFlags,
  refusals,
  sideProcessFlags,
  toMs,
  toNames,
  toWhole,
} from '../machinery/flags/component-flags.ts';
import type { ControllerConfig } from './definition.ts';

/** What the flags of kube-controller-manager that have a meaning here say. */
export interface ControllerFlags {
  /** `*` for all that are on by default, `NAME` and `-NAME`. */
  readonly controllers: readonly string[];
  readonly config: Pick<
    ControllerConfig,
    | 'nodeCIDRMaskSize'
    | 'nodeMonitorGracePeriodMs'
    | 'nodeMonitorPeriodMs'
    | 'terminatedPodThreshold'
    | 'certificateTtlSeconds'
  >;
}

interface Draft {
  controllers: readonly string[];
  config: { -readonly [key in keyof ControllerFlags['config']]: ControllerFlags['config'][key] };
}

/** Source: cmd/kube-controller-manager/app/options. */
const table: FlagTable<Draft> = {
  component: 'kube-controller-manager',
  served: {
    controllers: (flags, value) => {
      flags.controllers = toNames(value);
    },
    'cluster-signing-duration': ({ config }, value) => {
      config.certificateTtlSeconds = toMs(value) / 1000;
    },
    'node-cidr-mask-size': ({ config }, value) => {
      config.nodeCIDRMaskSize = { ...config.nodeCIDRMaskSize, ipv4: toMaskSize(value, 32) };
    },
    'node-cidr-mask-size-ipv4': ({ config }, value) => {
      config.nodeCIDRMaskSize = { ...config.nodeCIDRMaskSize, ipv4: toMaskSize(value, 32) };
    },
    'node-cidr-mask-size-ipv6': ({ config }, value) => {
      config.nodeCIDRMaskSize = { ...config.nodeCIDRMaskSize, ipv6: toMaskSize(value, 128) };
    },
    'node-monitor-grace-period': ({ config }, value) => {
      config.nodeMonitorGracePeriodMs = toMs(value);
    },
    'node-monitor-period': ({ config }, value) => {
      config.nodeMonitorPeriodMs = toMs(value);
    },
    'terminated-pod-gc-threshold': ({ config }, value) => {
      config.terminatedPodThreshold = toWhole(value);
    },
  },
  fixed: {
    'allocate-node-cidrs': 'true',
    'cidr-allocator-type': 'RangeAllocator',
    'configure-cloud-routes': 'false',
    'enable-dynamic-provisioning': 'true',
    'enable-garbage-collector': 'true',
    'use-service-account-credentials': 'true',
  },
  refused: {
    'cluster-cidr': refusals.own,
    'cluster-signing-*': refusals.own,
    'enable-hostpath-provisioner': refusals.unchanged,
    'endpoint*': refusals.unchanged,
    'feature-gates': refusals.features,
    'flex-volume-plugin-dir': refusals.unchanged,
    'horizontal-pod-autoscaler-*': refusals.unchanged,
    'large-cluster-size-threshold': refusals.unchanged,
    'legacy-service-account-token-clean-up-period': refusals.unchanged,
    'max-endpoints-per-slice': refusals.unchanged,
    'mirroring-*': refusals.unchanged,
    'node-eviction-rate': refusals.unchanged,
    'node-startup-grace-period': refusals.unchanged,
    'pv-recycler-*': refusals.unchanged,
    'root-ca-file': refusals.own,
    'secondary-node-eviction-rate': refusals.unchanged,
    'service-account-private-key-file': refusals.own,
    'service-cluster-ip-range': refusals.own,
    'unhealthy-zone-threshold': refusals.unchanged,
    'disable-force-detach-on-timeout': refusals.unchanged,
  },
  harmless: [
    ...sideProcessFlags,
    'attach-detach-reconcile-sync-period',
    'cloud-config',
    'cloud-provider',
    'cluster-name',
    'controller-shutdown-timeout',
    'controller-start-interval',
    'disable-attach-detach-reconcile-sync',
    'enable-leader-migration',
    'external-cloud-volume-plugin',
    'leader-migration-config',
    'min-resync-period',
    'namespace-sync-period',
    'pvclaimbinder-sync-period',
    'resource-quota-sync-period',
    'route-reconciliation-period',
    // How many workers each controller has: here each works on its keys as they come.
    ...[
      'cron-job',
      'daemonset',
      'deployment',
      'device-taint-eviction',
      'endpoint',
      'ephemeralvolume',
      'gc',
      'horizontal-pod-autoscaler',
      'job',
      'namespace',
      'rc',
      'replicaset',
      'resource-quota',
      'resourceclaim',
      'service',
      'service-endpoint',
      'serviceaccount-token',
      'statefulset',
      'ttl-after-finished',
      'validating-admission-policy-status',
    ].map((name) => `concurrent-${name}-syncs`),
  ],
};

/**
 * Reads what is given to kube-controller-manager, such as `node-monitor-grace-period=2m`.
 *
 * @throws Error for flags that it does not have, for values that they cannot have, and for those that have no meaning
 *   here.
 */
export function parseControllerFlags(args: readonly string[]): ControllerFlags {
  return parseComponentFlags<Draft>(args, table, { controllers: ['*'], config: {} });
}

/**
 * The controllers that a list leaves off.
 *
 * @throws Error for names that no controller has. Source: controller-manager `app/helper.go` (IsControllerEnabled).
 */
export function controllersOff(list: readonly string[], known: readonly string[]): readonly string[] {
  for (const entry of list) {
    const name = entry.replace(/^-/, '');
    if (entry !== '*' && !known.includes(name)) throw new Error(`"${name}" is not in the list of known controllers`);
  }
  return known.filter((name) => list.includes(`-${name}`) || (!list.includes(name) && !list.includes('*')));
}

function toMaskSize(value: string, most: number): number {
  const size = toWhole(value, 'bits');
  if (size < 1 || size > most) throw new Error(`takes 1 to ${most} bits`);
  return size;
}
