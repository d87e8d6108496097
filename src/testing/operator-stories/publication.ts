import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { customresourcedefinitions, ingresses, secrets, services } from '../../generated/resource-types.ts';
import type { AnyObject, ResourceType } from '../../machinery/object/object.ts';
import { virtualClusters, withDefaults } from '../../operator/api/virtual-cluster.ts';
import { GatewayRoutes, tlsRoutes } from '../../operator/gateway-routes.ts';
import { publicationStep } from '../../operator/steps/publication.ts';
import { systemClock } from '../../std/clock.ts';
import { until } from '../memory-server.ts';
import { type OperatorLab, text } from './lab.ts';

/** Names by which users come. */
export function tellPublication(lab: OperatorLab): void {
  const { get, condition, exists, at } = lab;

  it('leads users to a tenant by a name, through an Ingress or a Gateway, and takes both back', async () => {
    const change = (exposure: object) =>
      lab.client.patch(virtualClusters, at('old'), { spec: { exposure } }, { type: 'merge' });
    await change({
      ingress: { host: 'old.example.com', className: 'nginx', annotations: { own: 'yes' } },
      gateway: { host: 'old.example.com', parentRefs: [{ name: 'edge', namespace: 'gateways', sectionName: 'tls' }] },
    });
    await until(
      'the missing API is told',
      async () => (await condition('old', 'Published'))?.reason === 'GatewayApiMissing',
    );
    assert.equal((await get('old')).status?.phase, 'Ready', 'it serves all the same');
    const ingress = await lab.client.get(ingresses, at('old-server'));
    assert.equal(ingress.metadata.annotations?.['nginx.ingress.kubernetes.io/ssl-passthrough'], 'true');
    assert.equal(ingress.metadata.annotations?.['own'], 'yes');
    const port = (await lab.client.get(services, at('old-server'))).spec?.ports?.[0]?.port;
    const [rule] = ingress.spec?.rules ?? [];
    assert.deepEqual([rule?.host, rule?.http?.paths[0]?.backend.service?.port?.number], ['old.example.com', port]);
    assert.ok(
      JSON.parse(text(await lab.client.get(secrets, at('old-token')), 'endpoint.json')).names.includes(
        'old.example.com',
      ),
    );
    const kubeconfig = async () => text(await lab.client.get(secrets, at('old-kubeconfig')), 'kubeconfig.yaml');
    assert.match(await kubeconfig(), /server: https:\/\/old\.example\.com\n/);
    assert.match((await get('old')).status?.endpoint ?? '', /lb\.example:/, 'machines come as before');
    await lab.client.delete(ingresses, at('old-server'));
    await until('it is back', () => exists(ingresses, 'old-server'));
    await change({ ingress: null, gateway: null });
    await until('it is gone', async () => !(await exists(ingresses, 'old-server')));
    await until('users come as machines', async () => /lb\.example:/.test(await kubeconfig()));
  });

  it('makes a TLSRoute in the version that the host has', async () => {
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await lab.client.create(customresourcedefinitions, {
      metadata: {
        name: 'tlsroutes.gateway.networking.k8s.io',
        annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api' },
      },
      spec: {
        group: 'gateway.networking.k8s.io',
        scope: 'Namespaced',
        names: { kind: 'TLSRoute', listKind: 'TLSRouteList', plural: 'tlsroutes', singular: 'tlsroute' },
        versions: [{ name: 'v1alpha3', served: true, storage: true, schema }],
      },
    } as CustomResourceDefinition);
    const type = tlsRoutes('v1alpha3') as ResourceType<AnyObject>;
    await until('the kind is served', () =>
      lab.client.list(type, { namespace: 'default' }).then(
        () => true,
        () => false,
      ),
    );
    const gateway = { host: 'second.example.com', parentRefs: [{ name: 'edge' }] };
    const routes = new GatewayRoutes(lab.client, systemClock);
    assert.equal((await routes.read(at('demo-server'), lab.signal)).version, 'v1alpha3');
    await lab.client.patch(
      virtualClusters,
      at('second'),
      { spec: { exposure: { nodePort: null, gateway } } },
      { type: 'merge' },
    );
    // The operator looks for the kind once a minute, and has just looked.
    const observed = {
      cluster: await get('second'),
      spec: withDefaults((await get('second')).spec),
      routeVersion: 'v1alpha3',
    };
    const service = { spec: { ports: [{ port: 30_000 }] } };
    const outcome = await publicationStep.plan({ ...observed, service } as never, {} as never);
    const [wanted] = outcome.kind === 'want' ? outcome.objects : [];
    await lab.client.patch(type, at('second-server'), wanted?.object, { type: 'apply', fieldManager: 'test' });
    const { route } = await routes.read(at('second-server'), lab.signal);
    assert.deepEqual(route?.['spec'], {
      parentRefs: [{ name: 'edge' }],
      hostnames: ['second.example.com'],
      rules: [{ backendRefs: [{ name: 'second-server', port: 30_000 }] }],
    });
  });
}
