import type { Deployment } from '../../generated/api/apps/v1.ts';
import type { Service } from '../../generated/api/core/v1.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import type { EffectiveSpec, ExposureType, VirtualCluster, VirtualClusterSpec } from '../api/virtual-cluster.ts';
import type { VirtualClusterPolicy, VirtualClusterPolicySpec } from '../api/virtual-cluster-policy.ts';
import { minorOf } from '../steps/version.ts';

/** Something that a policy does not allow. */
export interface Violation {
  readonly policy: string;
  readonly reason: string;
  readonly message: string;
}

/** What the policies say of one VirtualCluster. */
export interface PolicyVerdict {
  /** Names of those that are for it. */
  readonly policies: readonly string[];
  readonly violations: readonly Violation[];
  /** How many machines it may have. */
  readonly maxNodes?: number | undefined;
}

/** Whether a policy is for a VirtualCluster. */
export function isFor(
  { spec }: VirtualClusterPolicy,
  cluster: VirtualCluster,
  namespaceLabels: Readonly<Record<string, string>>,
): boolean {
  const fits = (selector: VirtualClusterPolicySpec['selector'], labels: Readonly<Record<string, string>>): boolean =>
    selector === undefined || matchesLabels(parseSelectorObject(selector), labels);
  return fits(spec.selector, cluster.metadata.labels ?? {}) && fits(spec.namespaceSelector, namespaceLabels);
}

/**
 * Fills in what policies give where the tenant says nothing; the first policy by name that says something counts. Lists
 * and resources are taken whole.
 */
export function withPolicyDefaults(
  spec: VirtualClusterSpec,
  policies: readonly VirtualClusterPolicy[],
): VirtualClusterSpec {
  let controlPlane = spec.controlPlane ?? {};
  for (const { spec: policy } of policies) {
    const { resources, podTemplate } = policy.defaults ?? {};
    if (resources !== undefined)
      controlPlane = { ...controlPlane, resources: { ...resources, ...controlPlane.resources } };
    if (podTemplate === undefined) continue;
    const own = controlPlane.podTemplate ?? {};
    controlPlane = {
      ...controlPlane,
      podTemplate: {
        metadata: {
          labels: { ...podTemplate.metadata?.labels, ...own.metadata?.labels },
          annotations: { ...podTemplate.metadata?.annotations, ...own.metadata?.annotations },
        },
        spec: { ...podTemplate.spec, ...own.spec },
      },
    };
  }
  return controlPlane === spec.controlPlane ? spec : { ...spec, controlPlane };
}

/** Says what of a tenant its policies do not allow; pure. */
export function judgePolicies(
  tenant: { readonly cluster: VirtualCluster; readonly spec: EffectiveSpec; readonly nodes: number },
  policies: readonly VirtualClusterPolicy[],
  around: { readonly siblings: (policy: VirtualClusterPolicy) => readonly VirtualCluster[]; readonly served: string },
): PolicyVerdict {
  const violations: Violation[] = [];
  const maxima: number[] = [];
  const { cluster, spec, nodes } = tenant;
  for (const policy of policies) {
    const name = policy.metadata.name ?? '';
    const { allowed = {}, limits = {} } = policy.spec;
    const say = (reason: string, message: string): void => {
      violations.push({ policy: name, reason, message: `policy ${name}: ${message}` });
    };
    const { type } = spec.exposure;
    if (allowed.exposures !== undefined && !allowed.exposures.includes(type))
      say('ExposureNotAllowed', `exposure.type ${type} is not among ${allowed.exposures.join(', ')}`);
    for (const [kind, wish] of [
      ['Ingress', spec.exposure.ingress],
      ['Gateway', spec.exposure.gateway],
    ] as const)
      if (allowed.exposures !== undefined && wish !== undefined && !allowed.exposures.includes(kind))
        say(
          'PublicationNotAllowed',
          `exposure.${kind.toLowerCase()} is not allowed: ${kind} is not among ${allowed.exposures.join(', ')}`,
        );
    const version = minorOf(spec.version ?? around.served);
    if (allowed.versions !== undefined && !allowed.versions.includes(version))
      say('VersionNotAllowed', `version ${version} is not among ${allowed.versions.join(', ')}`);
    if (allowed.datastores !== undefined && !allowed.datastores.includes(spec.datastore.type))
      say('DatastoreNotAllowed', `datastore.type ${spec.datastore.type} is not among ${allowed.datastores.join(', ')}`);
    for (const text of excesses(spec, limits.resources ?? {})) say('ResourcesExceeded', text);
    const { virtualClustersPerNamespace: most } = limits;
    if (most !== undefined && rankOf(cluster, around.siblings(policy)) >= most)
      say('QuotaExceeded', `a namespace may have ${most} VirtualClusters, and older ones are there`);
    if (limits.nodes === undefined) continue;
    maxima.push(limits.nodes);
    if (nodes > limits.nodes) say('TooManyNodes', `${nodes} machines have joined, and ${limits.nodes} may`);
  }
  const policyNames = policies.map(({ metadata }) => metadata.name ?? '');
  return { policies: policyNames, violations, ...(maxima.length === 0 ? {} : { maxNodes: Math.min(...maxima) }) };
}

/**
 * What a tenant that runs keeps of what it had, in place of a wish that its policies do not allow: so no policy breaks
 * it, and no change gets past one.
 */
export function holdToPolicy(
  spec: EffectiveSpec,
  { violations }: PolicyVerdict,
  {
    service,
    deployment,
    published = false,
  }: {
    readonly service: Service | undefined;
    readonly deployment: Deployment | undefined;
    /** Users come by a name already. */
    readonly published?: boolean;
  },
): EffectiveSpec {
  if (deployment === undefined) return spec;
  const broken = new Set(violations.map(({ reason }) => reason));
  const type = service?.spec?.type as ExposureType | undefined;
  const resources = deployment.spec?.template.spec?.containers[0]?.resources as EffectiveSpec['resources'];
  return {
    ...spec,
    ...(broken.has('ExposureNotAllowed') && type !== undefined ? { exposure: { ...spec.exposure, type } } : {}),
    // What is there stays; what is not is not made.
    ...(broken.has('PublicationNotAllowed') && !published
      ? { exposure: { ...spec.exposure, ingress: undefined, gateway: undefined } }
      : {}),
    ...(broken.has('ResourcesExceeded') ? { resources } : {}),
  };
}

function* excesses({ resources }: EffectiveSpec, limits: Readonly<Record<string, unknown>>): Iterable<string> {
  for (const [name, most] of Object.entries(limits)) {
    const top = parseQuantity(String(most));
    for (const side of ['requests', 'limits'] as const) {
      const amount = resources?.[side]?.[name];
      if (amount !== undefined && parseQuantity(String(amount)).compare(top) > 0)
        yield `controlPlane.resources.${side}.${name} ${amount} is more than ${most}`;
    }
    if (resources?.limits?.[name] === undefined)
      yield `controlPlane.resources.limits.${name} is missing, and ${most} is the most: set it, or give the policy a default`;
  }
}

/** How many of the others came before: by age, then by name. */
function rankOf(cluster: VirtualCluster, siblings: readonly VirtualCluster[]): number {
  const order = ({ metadata }: VirtualCluster): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return siblings.filter((other) => order(other) < order(cluster)).length;
}
