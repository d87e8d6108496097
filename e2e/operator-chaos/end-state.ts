/** Whether everything on a host is as wished, and nothing else is there. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Client } from '../../src/client/client.ts';
import type { Deployment } from '../../src/generated/api/apps/v1.ts';
import type { Secret, Service } from '../../src/generated/api/core/v1.ts';
import {
  deployments,
  ingresses,
  jobs,
  networkpolicies,
  persistentvolumeclaims,
  persistentvolumes,
  poddisruptionbudgets,
  pods,
  secrets,
  services,
} from '../../src/generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../src/machinery/object/object.ts';
import { joinTokens } from '../../src/operator/api/join-token.ts';
import { type VirtualCluster, virtualClusters } from '../../src/operator/api/virtual-cluster.ts';
import { virtualClusterBackups } from '../../src/operator/api/virtual-cluster-backup.ts';
import { virtualClusterPolicies } from '../../src/operator/api/virtual-cluster-policy.ts';
import type { HollowNode } from '../../src/testing/hollow-node.ts';
import { ARCHIVE, NAMESPACE, type Wishes } from './wishes.ts';

const TENANT = 'warren.dev/virtualcluster';
const tenantOf = ({ metadata }: KubeObject): string => metadata.labels?.[TENANT] ?? '';
const nameOf = ({ metadata }: KubeObject): string => metadata.name ?? '';
const text = (secret: Secret | undefined, key: string): string =>
  Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();

export interface Place {
  readonly client: Client;
  /** Where simulated tenants keep what they are told. */
  readonly node: HollowNode | undefined;
}

/** @throws AssertionError that names the first difference. */
export async function checkEnd(place: Place, wishes: Wishes): Promise<void> {
  const { client } = place;
  const { items } = await client.list(virtualClusters, { namespace: NAMESPACE });
  same(items, [...wishes.tenants.keys()], 'VirtualClusters');
  for (const cluster of items) checkStatus(cluster, wishes);
  const found = await checkChildren(client, items, wishes);
  checkServices(found.services, wishes);
  checkDeployments(found.deployments, wishes);
  checkSecrets(found.secrets, wishes);
  await checkPods(client, wishes);
  await checkVolumes(client);
  await checkPolicies(client, items, wishes);
  await checkBackups(client, wishes);
  await checkTokens(place, items, wishes);
}

/** All of `names` are found and nothing else, but that `optional` may be: a tenant may go before all of it was made. */
function same(found: readonly KubeObject[], names: readonly string[], what: string, optional: readonly string[] = []) {
  const listed = found.map(nameOf).filter((name) => !optional.includes(name));
  assert.deepEqual(listed.sort(), [...names].sort(), what);
}

function checkStatus({ metadata, spec, status }: VirtualCluster, { tenants, policies }: Wishes): void {
  const name = metadata.name ?? '';
  const wish = tenants.get(name);
  const phase = spec.suspend ? 'Suspended' : 'Ready';
  assert.deepEqual([name, status?.phase, status?.observedGeneration], [name, phase, metadata.generation]);
  if (wish?.caRotation !== undefined) assert.equal(status?.caRotation, wish.caRotation, `authorities of ${name}`);
  if (wish?.tokenRotation !== undefined && !spec.suspend)
    assert.equal(status?.tokenRotation, wish.tokenRotation, `rotation of the token of ${name}`);
  if (spec.restoreFrom !== undefined) assert.equal(status?.restoredFrom, ARCHIVE.key, `${name} was restored`);
  const own = [...policies].filter(([, { tier }]) => tier === wish?.tier).map(([policy]) => policy);
  assert.deepEqual([...(status?.policies ?? [])].sort(), own.sort(), `policies of ${name}`);
}

async function checkChildren(client: Client, items: readonly VirtualCluster[], wishes: Wishes) {
  const { tenants, retained } = wishes;
  const labelled = async <T extends KubeObject>(type: ResourceType<T>): Promise<readonly T[]> =>
    (await client.list(type, { namespace: NAMESPACE, labelSelector: TENANT })).items;
  const expected = (suffixes: readonly string[], having: (name: string) => boolean = () => true): string[] =>
    [...tenants.keys()].filter(having).flatMap((name) => suffixes.map((suffix) => `${name}-${suffix}`));
  const kept = (...suffixes: string[]): string[] =>
    [...retained].filter((name) => !tenants.has(name)).flatMap((name) => suffixes.map((suffix) => `${name}-${suffix}`));
  const found = {
    services: await labelled(services),
    deployments: await labelled(deployments),
    policies: await labelled(networkpolicies),
    secrets: await labelled(secrets),
    claims: await labelled(persistentvolumeclaims),
    budgets: await labelled(poddisruptionbudgets),
    ingresses: await labelled(ingresses),
    jobs: await labelled(jobs),
  };
  const specOf = (name: string) => tenants.get(name)?.spec;
  same(found.services, expected(['server']), 'Services');
  same(found.deployments, expected(['server']), 'Deployments');
  same(found.policies, expected(['server']), 'NetworkPolicies');
  same(found.secrets, expected(['kubeconfig', 'pki', 'token']), 'Secrets', kept('pki', 'token'));
  const onVolumes = expected(['data'], (name) => specOf(name)?.datastore?.type !== 'PostgreSQL');
  same(found.claims, onVolumes, 'claims', kept('data'));
  const many = expected(['server'], (name) => (specOf(name)?.replicas ?? 1) > 1);
  same(found.budgets, many, 'PodDisruptionBudgets');
  const published = expected(['server'], (name) => specOf(name)?.exposure?.ingress !== undefined);
  same(found.ingresses, published, 'Ingresses');
  same(found.jobs, [], 'Jobs of restores');
  const owners = new Map(items.map(({ metadata }) => [metadata.name, metadata.uid]));
  for (const { kind, metadata } of Object.values(found).flat()) {
    assert.equal(metadata.deletionTimestamp, undefined, `${kind} ${metadata.name} is on its way out`);
    const controllers = metadata.ownerReferences?.filter(({ controller }) => controller) ?? [];
    for (const { uid } of controllers)
      assert.equal(uid, owners.get(metadata.labels?.[TENANT] ?? ''), `owner of ${metadata.name}`);
    const isKept = /-(pki|token|data)$/.test(metadata.name ?? '');
    const isRetained = specOf(metadata.labels?.[TENANT] ?? '')?.deletionPolicy === 'Retain';
    const isLeft = !tenants.has(metadata.labels?.[TENANT] ?? '');
    const owned = isKept && (isRetained || isLeft) ? 0 : 1;
    assert.equal(controllers.length, owned, `owners of ${kind ?? 'object'} ${metadata.name}`);
  }
  return found;
}

function checkServices(found: readonly Service[], { tenants }: Wishes): void {
  for (const service of found) {
    const name = tenantOf(service);
    const { spec } = service;
    assert.equal(spec?.type, tenants.get(name)?.spec.exposure?.type, `type of the Service of ${name}`);
    assert.deepEqual(spec?.selector, { [TENANT]: name });
    const [port] = spec?.ports ?? [];
    if (spec?.type !== 'ClusterIP') assert.equal(port?.port, port?.nodePort);
  }
}

function checkDeployments(found: readonly Deployment[], { tenants }: Wishes): void {
  for (const deployment of found) {
    const name = tenantOf(deployment);
    const wish = tenants.get(name)?.spec;
    const { spec, status } = deployment;
    const replicas = wish?.suspend ? 0 : (wish?.replicas ?? 1);
    assert.equal(spec?.replicas, replicas, `replicas of ${name}`);
    assert.equal(status?.readyReplicas ?? 0, replicas, `replicas of ${name} that are ready`);
    const args = spec?.template.spec?.containers[0]?.args ?? [];
    const disabled = args.find((arg) => arg.startsWith('--disable='))?.slice('--disable='.length) ?? '';
    for (const addon of ['coredns', 'traefik'] as const)
      assert.equal(
        disabled.split(',').includes(addon),
        wish?.addons?.[addon]?.enabled === false,
        `${addon} of ${name}`,
      );
  }
}

function checkSecrets(found: readonly Secret[], { tenants, policies }: Wishes): void {
  for (const [name, { spec, tier }] of tenants) {
    const secretOf = (suffix: string) => found.find((secret) => nameOf(secret) === `${name}-${suffix}`);
    const told = JSON.parse(text(secretOf('token'), 'endpoint.json')) as { names: string[]; maxNodes?: number };
    for (const san of spec.tls?.extraSANs ?? []) assert.ok(told.names.includes(san), `${name} has its last wish`);
    const limits = [...policies.values()].filter((policy) => policy.tier === tier).map(({ nodes }) => nodes);
    assert.equal(told.maxNodes, limits.length === 0 ? undefined : Math.min(...limits), `machines of ${name}`);
    const ca = createHash('sha256')
      .update(text(secretOf('pki'), 'server-ca.crt'))
      .digest('hex');
    assert.ok(text(secretOf('token'), 'token').startsWith(`K10${ca}::`), `the token of ${name} pins its authority`);
    assert.equal(secretOf('token')?.data?.['next-password'], undefined, `no rotation of ${name} is under way`);
  }
}

async function checkPods(client: Client, { tenants }: Wishes): Promise<void> {
  const { items } = await client.list(pods, { namespace: NAMESPACE });
  const running = [...tenants].flatMap(([name, { spec }]) =>
    spec.suspend ? [] : Array.from({ length: spec.replicas ?? 1 }, () => name),
  );
  assert.deepEqual(items.map(tenantOf).sort(), running.sort(), 'pods');
}

async function checkVolumes(client: Client): Promise<void> {
  const claims = (await client.list(persistentvolumeclaims, { namespace: NAMESPACE })).items;
  const volumes = (await client.list(persistentvolumes)).items.filter(
    ({ spec }) => spec.claimRef?.namespace === NAMESPACE,
  );
  const bound = claims.flatMap(({ spec }) => spec.volumeName ?? []);
  assert.deepEqual(volumes.map(nameOf).sort(), bound.sort(), 'volumes');
}

async function checkPolicies(client: Client, items: readonly VirtualCluster[], wishes: Wishes): Promise<void> {
  const found = (await client.list(virtualClusterPolicies)).items.filter((policy) =>
    nameOf(policy).startsWith('chaos-'),
  );
  same(found, [...wishes.policies.keys()], 'VirtualClusterPolicies');
  for (const policy of found) {
    const { tier } = wishes.policies.get(nameOf(policy)) ?? {};
    const matched = items.filter((cluster) => wishes.tenants.get(nameOf(cluster))?.tier === tier).length;
    assert.deepEqual([policy.status?.matched, policy.status?.violating], [matched, 0], `matches of ${nameOf(policy)}`);
  }
}

async function checkBackups(client: Client, { backups, tenants }: Wishes): Promise<void> {
  const found = (await client.list(virtualClusterBackups, { namespace: NAMESPACE })).items;
  same(found, [...backups.keys()], 'VirtualClusterBackups');
  for (const backup of found) {
    const { tenant = '', asked } = backups.get(nameOf(backup)) ?? {};
    const wish = tenants.get(tenant);
    const { phase, triggered } = backup.status ?? {};
    assert.notEqual(phase, 'Running', `backup ${nameOf(backup)}`);
    if (wish === undefined || wish.spec.suspend) continue;
    if (asked !== undefined) assert.equal(triggered, asked, `backup ${nameOf(backup)} was made as asked for`);
  }
  const left = (await client.list(jobs, { namespace: NAMESPACE })).items.map(nameOf);
  assert.deepEqual(left, [], 'Jobs');
  const access = (await client.list(secrets, { namespace: NAMESPACE, labelSelector: 'warren.dev/backup' })).items;
  assert.deepEqual(access.map(nameOf), [], 'access to tenants that backups had');
}

async function checkTokens({ client, node }: Place, items: readonly VirtualCluster[], wishes: Wishes): Promise<void> {
  const found = (await client.list(joinTokens, { namespace: NAMESPACE })).items;
  same(found, [...wishes.tokens.keys()], 'JoinTokens');
  const good = new Map<string, string[]>();
  for (const token of found) {
    const name = nameOf(token);
    const { tenant = '', revoked } = wishes.tokens.get(name) ?? {};
    const phase = revoked ? 'Revoked' : serves(wishes, tenant) ? 'Active' : 'Pending';
    assert.equal(token.status?.phase, phase, `token ${name} of ${tenant}`);
    if (phase === 'Active') good.set(tenant, [...(good.get(tenant) ?? []), `bootstrap-token-${token.status?.tokenID}`]);
  }
  if (node === undefined) return;
  for (const cluster of items) {
    if (cluster.spec.suspend) continue;
    const pki = await client.get(secrets, { namespace: NAMESPACE, name: `${nameOf(cluster)}-pki` });
    const held = [...node.storeOf(pki.metadata.uid ?? '').keys()].sort();
    assert.deepEqual(held, (good.get(nameOf(cluster)) ?? []).sort(), `tokens that ${nameOf(cluster)} takes`);
  }
}

/** Whether the tenant is there and serves. */
function serves(wishes: Wishes, name: string): boolean {
  const wish = wishes.tenants.get(name);
  return wish !== undefined && !wish.spec.suspend;
}
