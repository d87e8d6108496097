import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/events.ts';
import type { Informers } from '../client/informers.ts';
import type { Secret, ServiceAccount } from '../generated/api/core/v1.ts';
import type { Authority } from '../pki/certificate.ts';
import type { ControllerMetrics } from '../reconcile/controller.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ControllerCounts } from './controller-counts.ts';

export interface ControllerConfig {
  /** Ranges that nodes get their pod ranges from: one, or one of each family. Empty: nodes get none from us. */
  readonly clusterCIDRs: readonly string[];
  /** Bits of a node's range. Default 24 for IPv4, 64 for IPv6. */
  readonly nodeCIDRMaskSize?: { readonly ipv4?: number | undefined; readonly ipv6?: number | undefined } | undefined;
  /** Ranges of service addresses; nodes' ranges keep clear of them. */
  readonly serviceCIDRs: readonly string[];
  /** PEM that pods trust the API server by. */
  readonly rootCA: string;
  /** Whoever signs approved certificate requests; absent: nobody does. */
  readonly authorities?: { readonly client: Authority; readonly server: Authority } | undefined;
  /** Signs tokens without end for Secrets of service accounts; absent: such Secrets stay empty. */
  readonly issueSecretToken?: ((account: ServiceAccount, secret: Secret) => Promise<string>) | undefined;
  /** Longest lifetime of signed certificates, in seconds. Default one year. */
  readonly certificateTtlSeconds?: number | undefined;
  /** A node that is silent for so long is Unknown, in milliseconds. Default 40,000 (nodes with leases renew every 10 s). */
  readonly nodeMonitorGracePeriodMs?: number | undefined;
  /** Time between looks at all nodes, in milliseconds. Default 5,000. */
  readonly nodeMonitorPeriodMs?: number | undefined;
  /** Time between a namespace's deletion and the first look at what is in it, in milliseconds. Default 5,000. */
  readonly namespaceDeletionDelayMs?: number | undefined;
  /** Time that a job's pods have to change together before it is looked at, in milliseconds. Default 1,000. */
  readonly jobBatchMs?: number | undefined;
  /** Ended pods that are kept before pod GC removes the oldest. Default 12,500. */
  readonly terminatedPodThreshold?: number | undefined;
}

/** What a controller is given; each takes its own parts of it. */
export interface ControllerDeps {
  /** A client under a user's name; RBAC decides what it may do. */
  clientFor(userName: string): Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
  events(component: string, client: Client): EventRecorder;
  readonly config: ControllerConfig;
  readonly metrics?: ControllerMetrics | undefined;
  /** Default: nobody counts. */
  readonly counts?: ControllerCounts | undefined;
  /** Random number in [0, 1): names and jitter. */
  random(): number;
}

/** A controller as the process knows it. */
export interface ControllerDefinition {
  /** Such as `deployment-controller`, as upstream's `--controllers` spells it. */
  readonly name: string;
  /** The identity that it acts under. */
  readonly user: string;
  /** Runs until aborted and resolves once all work under way has ended. Loads its code when called. */
  start(deps: ControllerDeps, signal: AbortSignal): Promise<void>;
}

/** The service account user of a controller. */
export function controllerUser(name: string): string {
  return `system:serviceaccount:kube-system:${name}`;
}
