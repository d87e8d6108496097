import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../generated/api/rbac/v1.ts';
import {
  clusterrolebindings,
  clusterroles,
  configmaps,
  namespaces,
  priorityclasses,
  rolebindings,
  roles,
  servicecidrs,
} from '../../generated/resource-types.ts';
import type { AnyObject, KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { ensureStandardConfigs } from '../flowcontrol/standard-objects.ts';
import { isSame } from '../registry/equality.ts';
import { type EnsureDeps, ensureObject } from './ensure.ts';
import { mergeBinding, mergeRole } from './policy-rules.ts';

export interface BootstrapOptions extends EnsureDeps {
  /** Ranges of service addresses, the primary one first. */
  readonly serviceCidrs: readonly string[];
  /** Certificates for aggregated API servers, in PEM; without them the ConfigMap is not written. */
  readonly extensionAuthentication?: ExtensionAuthentication | undefined;
}

export interface ExtensionAuthentication {
  readonly clientCa: string;
  readonly requestHeaderCa: string;
  /** Common names of the proxy's certificate. */
  readonly allowedNames: readonly string[];
}

type Recorded = Readonly<Record<string, readonly AnyObject[]>>;

/** Namespaces that every cluster has. */
const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * Brings the objects that a cluster starts with in line with the policy of this version. All writes go out at once, so
 * that they share transactions; a start that finds all in place writes nothing.
 */
export async function bootstrap(options: BootstrapOptions): Promise<void> {
  await Promise.all(
    systemNamespaces.map((name) => ensureObject(options, namespaces, { metadata: { name }, spec: {} })),
  );
  const recorded = await readRecorded();
  await Promise.all([
    ...ensureAll(options, clusterroles, recorded['clusterroles'], mergeRole<ClusterRole>),
    ...ensureAll(options, roles, recorded['roles'], mergeRole<Role>),
    ...ensureAll(options, clusterrolebindings, recorded['clusterrolebindings'], mergeBinding<ClusterRoleBinding>),
    ...ensureAll(options, rolebindings, recorded['rolebindings'], mergeBinding<RoleBinding>),
    ...ensureAll(options, priorityclasses, recorded['priorityclasses'], () => undefined),
    ...ensureStandardConfigs(options, recorded),
    ensureServiceCidr(options),
    ensureExtensionAuthentication(options),
  ]);
}

/** The objects of this version, by their plural. */
export async function readRecorded(): Promise<Recorded> {
  const { default: recorded } = await import('../../generated/bootstrap.json', { with: { type: 'json' } });
  return recorded as unknown as Recorded;
}

function ensureAll<T>(
  deps: EnsureDeps,
  type: ResourceType<T>,
  wanted: readonly AnyObject[] | undefined,
  merge: (stored: T, wanted: T) => T | undefined,
): Promise<void>[] {
  // The generated types have optional metadata; recorded objects all have it.
  const objectType = type as unknown as ResourceType<KubeObject>;
  return (wanted ?? []).map((object) =>
    ensureObject(deps, objectType, object, (stored) => {
      return merge(stored as T, object as unknown as T) as KubeObject | undefined;
    }),
  );
}

/** The default range is set once; the server's flags do not change it later. */
async function ensureServiceCidr(options: BootstrapOptions): Promise<void> {
  if (options.serviceCidrs.length === 0) return;
  await ensureObject(
    options,
    servicecidrs as ResourceType<KubeObject>,
    {
      metadata: { name: 'kubernetes' },
      spec: { cidrs: [...options.serviceCidrs] },
    } as KubeObject,
  );
}

/** What aggregated API servers need to trust the proxy. Source: `pkg/controlplane/controller/clusterauthenticationtrust`. */
async function ensureExtensionAuthentication(options: BootstrapOptions): Promise<void> {
  const trust = options.extensionAuthentication;
  if (trust === undefined) return;
  const data = {
    'client-ca-file': trust.clientCa,
    'requestheader-allowed-names': JSON.stringify(trust.allowedNames),
    'requestheader-client-ca-file': trust.requestHeaderCa,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  };
  const metadata = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
  await ensureObject(options, configmaps, { metadata, data }, (stored) =>
    isSame(stored.data, data) ? undefined : { ...stored, data },
  );
}
