import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Node, PersistentVolumeClaim, Pod, Secret, Service } from '../generated/api/core/v1.ts';
import type { Ingress, NetworkPolicy } from '../generated/api/networking/v1.ts';
import type { PodDisruptionBudget } from '../generated/api/policy/v1.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import type { EffectiveSpec, VirtualCluster } from './api/virtual-cluster.ts';
import type { VirtualClusterBackup } from './api/virtual-cluster-backup.ts';
import type { PolicyVerdict } from './policies/judge.ts';
import type { ObservedRegistries } from './registries.ts';
import type { RestoreState } from './restore.ts';
import type { GoodServer } from './rollback.ts';
import type { VersionFault } from './steps/version.ts';

/** Settings of the operator that shape what it makes. */
export interface OperatorSettings {
  /** Image of tenant servers. */
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Version that the image serves, such as `v1.36.2+warren1`. */
  readonly serverVersion: string;
  /** k3s release that `join.sh` installs. */
  readonly agentVersion: string;
  /** Where the operator itself runs: its namespace may always come in. Undefined: not in a pod. */
  readonly namespace?: string | undefined;
  /** Where Jobs reach the port of a tenant. Default: the name of its Service. */
  readonly tenantHost?: string | undefined;
  /** Whether no other program has the port, where tenants share the ports of one machine; undefined: they do not. */
  readonly isPortFree?: ((port: number) => Promise<boolean>) | undefined;
  /** Ports that tenants may get. */
  readonly nodePorts: { readonly first: number; readonly last: number };
}

/** A machine that does not say that it is ready. */
export interface AwayNode {
  readonly name: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly sinceMs: number;
}

/** What the tenant's own API said when asked last; undefined while it does not answer. */
export interface TenantState {
  readonly ready: boolean;
  readonly nodes: { readonly total: number; readonly ready: number };
  /** Machines that are not ready, and since when. */
  readonly away?: readonly AwayNode[];
  /** Versions of the kubelets, by node. */
  readonly kubelets: Readonly<Record<string, string>>;
}

/** PEM files of a tenant, by file name; they live in the Secret `<name>-pki`. */
export type PkiFiles = Readonly<Record<string, string>>;

/** Everything that matters to one VirtualCluster, read at one time. Steps decide from it and from nothing else. */
export interface Observed {
  readonly cluster: VirtualCluster;
  readonly spec: EffectiveSpec;
  readonly settings: OperatorSettings;
  readonly nowMs: number;
  readonly service?: Service | undefined;
  readonly pkiSecret?: Secret | undefined;
  readonly tokenSecret?: Secret | undefined;
  readonly kubeconfigSecret?: Secret | undefined;
  readonly claim?: PersistentVolumeClaim | undefined;
  readonly deployment?: Deployment | undefined;
  readonly networkPolicy?: NetworkPolicy | undefined;
  readonly disruptionBudget?: PodDisruptionBudget | undefined;
  /** The Secret that `spec.datastore.secretRef` names. */
  readonly datastoreSecret?: Secret | undefined;
  /** What machines are told of registries; undefined where nothing is wished. */
  readonly registries?: ObservedRegistries | undefined;
  /** Why the tenant stays at the version that it runs, which `settings` then holds. */
  readonly versionFault?: VersionFault | undefined;
  /** Arguments that a server which is held at another image keeps, since it knows these. */
  readonly heldArgs?: readonly string[] | undefined;
  /** The server that was ready last. */
  readonly lastGood?: GoodServer | undefined;
  /** The image that the operator would use, whose server did not turn ready. */
  readonly failedImage?: string | undefined;
  /** Ports that the tenant must not get, since other programs have them. */
  readonly takenPorts?: ReadonlySet<number> | undefined;
  /** Addresses of the names that the exposure yields. */
  readonly resolved: ReadonlyMap<string, readonly string[]>;
  /** Pods of the server. */
  readonly pods: readonly Pod[];
  readonly ingress?: Ingress | undefined;
  readonly tlsRoute?: AnyObject | undefined;
  /** In which the host serves TLSRoutes; undefined where it has none, or none is asked for. */
  readonly routeVersion?: string | undefined;
  /** What policies say of it; undefined where none is for it. */
  readonly policy?: PolicyVerdict | undefined;
  /** What policies give it, as it is kept at its Deployment. */
  readonly policyDefaults?: string | undefined;
  /** Backups that are asked for. */
  readonly backups: readonly VirtualClusterBackup[];
  /** The restore that is asked for, and how far it is. */
  readonly restore?: RestoreState | undefined;
  readonly restoreJob?: Job | undefined;
  readonly restoreSecret?: Secret | undefined;
  /** Nodes of the host cluster. */
  readonly nodes: readonly Node[];
  readonly tenant?: TenantState | undefined;
  /** The token that the annotation asks for is in place. */
  readonly tokenRotated?: boolean | undefined;
}

/** Names of what belongs to a tenant. */
export function namesOf(cluster: VirtualCluster) {
  const name = cluster.metadata.name ?? '';
  return {
    server: `${name}-server`,
    pki: `${name}-pki`,
    token: `${name}-token`,
    kubeconfig: `${name}-kubeconfig`,
    claim: `${name}-data`,
    restore: `${name}-restore`,
  };
}

/** Labels by which a tenant's objects are found and its pods are selected. */
export function labelsOf(cluster: VirtualCluster): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'warren-server',
    'app.kubernetes.io/instance': cluster.metadata.name ?? '',
    'app.kubernetes.io/managed-by': 'warren',
    'warren.dev/virtualcluster': cluster.metadata.name ?? '',
  };
}

/** The labels that never change, for selectors. */
export function selectorOf(cluster: VirtualCluster): Record<string, string> {
  return { 'warren.dev/virtualcluster': cluster.metadata.name ?? '' };
}

/** The text of one key of a Secret. */
export function secretText(secret: Secret | undefined, key: string): string | undefined {
  const encoded = secret?.data?.[key];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}

export function toSecretData(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}
