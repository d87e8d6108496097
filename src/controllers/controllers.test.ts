import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodTemplateSpec } from '../generated/api/core/v1.ts';
import {
  configmaps,
  customresourcedefinitions,
  daemonsets,
  deployments,
  endpointslices,
  jobs,
  namespaces,
  nodes,
  pods,
  replicasets,
  serviceaccounts,
  services,
  statefulsets,
} from '../generated/resource-types.ts';
import type { AnyObject, ResourceType } from '../machinery/object/object.ts';
import { startControllerCluster } from '../testing/controller-cluster.ts';
import { controllers } from './index.ts';

const template = (app: string, image = 'a'): PodTemplateSpec => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image, ports: [{ containerPort: 80 }] }] },
});
const selector = (app: string): { matchLabels: Record<string, string> } => ({ matchLabels: { app } });

describe('the list of controllers', () => {
  it('names each controller once', () => {
    const names = controllers.map((controller) => controller.name);
    assert.equal(new Set(names).size, names.length);
  });
});

describe('all controllers on the real server, each with the rights of its own role', () => {
  it('carry workloads from their creation to their end', async () => {
    await using cluster = await startControllerCluster();
    const { admin, until } = cluster;
    const key = (name: string) => ({ namespace: 'default', name });
    await until('each namespace has its account', async () => (await admin.list(serviceaccounts)).items.length >= 4);
    await admin.create(nodes, { metadata: { name: 'n1' }, spec: {} });
    await admin.create(deployments, {
      metadata: key('web'),
      spec: { replicas: 2, selector: selector('web'), template: template('web') },
    });
    await admin.create(services, { metadata: key('web'), spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
    await admin.create(daemonsets, {
      metadata: key('agent'),
      spec: { selector: selector('agent'), template: template('agent') },
    });
    await admin.create(statefulsets, {
      metadata: key('db'),
      spec: { replicas: 2, serviceName: 'db', selector: selector('db'), template: template('db') },
    });
    const job = { spec: { ...template('job').spec, containers: [{ name: 'c', image: 'a' }], restartPolicy: 'Never' } };
    await admin.create(jobs, { metadata: key('job'), spec: { completions: 2, template: job } });

    const deployment = () => admin.get(deployments, key('web'));
    await until('the deployment is available', async () => (await deployment()).status?.availableReplicas === 2);
    await until('the daemon runs', async () => (await admin.get(daemonsets, key('agent'))).status?.numberReady === 1);
    await until('the set is ready', async () => (await admin.get(statefulsets, key('db'))).status?.readyReplicas === 2);
    await until('the job is done', async () => (await admin.get(jobs, key('job'))).status?.succeeded === 2);
    await until(
      'the node has a range',
      async () => (await admin.get(nodes, { name: 'n1' })).spec.podCIDR !== undefined,
    );
    await until('the service has endpoints', async () =>
      (await admin.list(endpointslices, { namespace: 'default' })).items.some(
        (slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === 'web' && slice.endpoints?.length === 2,
      ),
    );

    const current = await deployment();
    await admin.update(deployments, { ...current, spec: { ...current.spec, template: template('web', 'b') } });
    await until('the new image is out', async () => {
      const { metadata, status } = await deployment();
      return (
        status?.updatedReplicas === 2 && status.replicas === 2 && status.observedGeneration === metadata.generation
      );
    });

    await admin.delete(deployments, key('web'));
    await until('its replica sets are collected', async () => (await admin.list(replicasets)).items.length === 0);
    await admin.delete(statefulsets, key('db'), { propagationPolicy: 'Foreground' });
    await until('the set is gone, and its pods before it', async () => {
      const sets = (await admin.list(statefulsets)).items.length;
      const left = (await admin.list(pods, { labelSelector: 'app=db' })).items.length;
      assert.ok(sets === 1 || left === 0);
      return sets === 0;
    });
  });

  it('empty and remove a namespace, custom objects included, and collect what a custom object owns', async () => {
    await using cluster = await startControllerCluster();
    const { admin, until } = cluster;
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await admin.create(customresourcedefinitions, {
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    } as never);
    const widgets: ResourceType<AnyObject> = {
      group: 'example.com',
      version: 'v1',
      kind: 'Widget',
      plural: 'widgets',
      namespaced: true,
    };
    await admin.create(namespaces, { metadata: { name: 'x' }, spec: {} });
    await until('widgets are served', () =>
      admin.list(widgets).then(
        () => true,
        () => false,
      ),
    );
    const owner = await admin.create(widgets, { metadata: { name: 'w', namespace: 'x' } });
    const reference = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: owner.metadata.uid ?? '' };
    await admin.create(configmaps, { metadata: { name: 'owned', namespace: 'x', ownerReferences: [reference] } });
    await until('widgets are watched for garbage', () => cluster.informers.find(widgets)?.hasSynced === true);
    await admin.delete(widgets, { namespace: 'x', name: 'w' });
    await until('what the widget owned is gone', () =>
      admin.get(configmaps, { namespace: 'x', name: 'owned' }).then(
        () => false,
        () => true,
      ),
    );
    await admin.create(widgets, { metadata: { name: 'left', namespace: 'x' } });
    await admin.delete(namespaces, { name: 'x' });
    await until('the namespace is gone', () =>
      admin.get(namespaces, { name: 'x' }).then(
        () => false,
        () => true,
      ),
    );
    assert.equal((await admin.list(widgets)).items.length, 0);
  });
});
