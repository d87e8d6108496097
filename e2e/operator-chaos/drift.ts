/** Somebody on the host deletes or alters what is the operator's. */
import type { Client } from '../../src/client/client.ts';
import {
  deployments,
  ingresses,
  networkpolicies,
  poddisruptionbudgets,
  pods,
  secrets,
  services,
} from '../../src/generated/resource-types.ts';
import { virtualClusters } from '../../src/operator/api/virtual-cluster.ts';
import type { Chance } from './random.ts';
import { at, NAMESPACE } from './wishes.ts';

const merge = { type: 'merge' } as const;

/** @returns whether there was something to disturb. */
export async function disturb(client: Client, chance: Chance, name: string): Promise<boolean> {
  const server = at(`${name}-server`);
  const noLabels = { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } };
  const noOwner = { metadata: { ownerReferences: null } };
  const otherOwner = {
    metadata: {
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Namespace', name: NAMESPACE, uid: (await uidOf(client)) ?? '', controller: false },
      ],
    },
  };
  const acts: (() => Promise<unknown>)[] = [
    () => client.delete(services, server),
    () => client.delete(deployments, server, { propagationPolicy: 'Background' }),
    () => client.delete(networkpolicies, server),
    () => client.delete(poddisruptionbudgets, server),
    () => client.delete(ingresses, server),
    () => client.delete(secrets, at(`${name}-kubeconfig`)),
    () =>
      client.deleteCollection(pods, {
        namespace: NAMESPACE,
        labelSelector: `warren.dev/virtualcluster=${name}`,
        gracePeriodSeconds: 0,
      }),
    () => client.patch(services, server, { spec: { selector: { app: 'other' } } }, merge),
    () => client.patch(deployments, server, { spec: { replicas: 3 } }, merge),
    () => client.patch(networkpolicies, server, { spec: { egress: [{}] } }, merge),
    () => client.patch(secrets, at(`${name}-token`), { data: { url: null } }, merge),
    () => client.patch(secrets, at(`${name}-pki`), noLabels, merge),
    () => client.patch(secrets, at(`${name}-pki`), noOwner, merge),
    () => client.patch(deployments, server, noLabels, merge),
    () => client.patch(deployments, server, noOwner, merge),
    () => client.patch(services, server, otherOwner, merge),
    () => client.patch(virtualClusters, at(name), { metadata: { finalizers: null } }, merge),
    () =>
      client.patch(
        virtualClusters,
        at(name),
        { status: { phase: 'Pending', conditions: [] } },
        { ...merge, subresource: 'status' },
      ),
  ];
  return await chance
    .pick(acts)()
    .then(
      () => true,
      () => false,
    );
}

async function uidOf(client: Client): Promise<string | undefined> {
  const type = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
  return (await client.get(type, { name: NAMESPACE })).metadata.uid;
}
