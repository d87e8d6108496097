import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { KubeObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog, ServedResourceEntry } from '../served-resources.ts';
import { createOpenApiPaths } from './openapi.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const entry = (fields: Partial<ResourceDefinition>, more: Partial<ServedResourceEntry> = {}): ServedResourceEntry => ({
  definition: { namespaced: true, origin: 'builtin', listKind: `${fields.kind}List`, ...fields } as ResourceDefinition,
  verbs,
  subresources: [],
  ...more,
});
const deployments = entry(
  { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments' },
  {
    subresources: [
      { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
    ],
  },
);
const pods = entry(
  { group: '', version: 'v1', kind: 'Pod', plural: 'pods' },
  { subresources: [{ name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] }] },
);
const widgets = entry({ group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', origin: 'custom' });
const crd = {
  metadata: { name: 'widgets.example.com', uid: 'u', generation: 1 },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A widget.',
            properties: {
              metadata: { type: 'object' },
              colour: { type: 'string', default: 'red' },
              spec: { type: 'object', required: ['size'], properties: { size: { type: 'integer', minimum: 1 } } },
            },
          },
        },
      },
    ],
  },
};

let crds: unknown[] = [crd];
let groups = [
  { group: '', versions: [{ version: 'v1', resources: [pods] }] },
  { group: 'apps', versions: [{ version: 'v1', resources: [deployments] }] },
  { group: 'example.com', versions: [{ version: 'v1', resources: [widgets] }] },
];
let snapshot = { generation: 1, groups };
const catalog: ResourceCatalog = {
  resourcesSnapshot: () => snapshot,
  onResourcesChange: () => ({ close() {} }),
};
const reader = { get: async () => undefined, list: async () => crds as KubeObject[] } as unknown as ObjectReader;
const paths = createOpenApiPaths({ catalog, reader });

async function get(url: string, headers: Record<string, string> = {}): Promise<Answer & { kind: 'bytes' }> {
  const [path = '', search = ''] = url.split('?');
  const query = new URLSearchParams(search);
  const call = { method: 'GET', path, query, header: (name: string) => headers[name], startedMs: 0 };
  const answer = await paths(call as unknown as AuthenticatedCall);
  assert.ok(answer?.kind === 'bytes');
  return answer;
}

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into by hand
async function read(url: string): Promise<any> {
  return JSON.parse((await get(url)).body.toString());
}

describe('/openapi/v3', () => {
  it('lists a document for each version of each group, under its hash', async () => {
    const { paths: listed } = await read('/openapi/v3');
    assert.deepEqual(Object.keys(listed), [
      '.well-known/openid-configuration',
      'api',
      'api/v1',
      'apis',
      'apis/apps',
      'apis/apps/v1',
      'apis/example.com/v1',
      'openid/v1/jwks',
      'version',
    ]);
    assert.match(listed['apis/apps/v1'].serverRelativeURL, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
  });

  it('lets clients keep a document under its hash for good, and leads from an old hash to the new one', async () => {
    const { paths: listed } = await read('/openapi/v3');
    const url = listed['apis/apps/v1'].serverRelativeURL;
    assert.equal((await get(url)).headers?.['Cache-Control'], 'public, immutable');
    const old = await get('/openapi/v3/apis/apps/v1?hash=OLD');
    assert.deepEqual([old.status, old.headers?.['Location']], [301, url]);
    const plain = await get('/openapi/v3/apis/apps/v1');
    const again = await get('/openapi/v3/apis/apps/v1', { 'if-none-match': plain.headers?.['ETag'] ?? '' });
    assert.equal(again.status, 304);
    const zipped = await get('/openapi/v3/apis/apps/v1', { 'accept-encoding': 'gzip' });
    assert.equal(zipped.headers?.['Content-Encoding'], 'gzip');
    assert.deepEqual(gunzipSync(zipped.body as Buffer), plain.body);
  });

  it('tells what kubectl looks for: kinds, field validation, patch types, merge keys', async () => {
    const document = await read('/openapi/v3/apis/apps/v1');
    const path = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    assert.deepEqual(path.patch['x-kubernetes-group-version-kind'], {
      group: 'apps',
      version: 'v1',
      kind: 'Deployment',
    });
    assert.ok(
      path.patch.parameters.some(
        (each: { name: string; in: string }) => each.name === 'fieldValidation' && each.in === 'query',
      ),
    );
    assert.ok('application/strategic-merge-patch+json' in path.patch.requestBody.content);
    const { schemas } = document.components;
    assert.deepEqual(schemas['io.k8s.api.apps.v1.Deployment']['x-kubernetes-group-version-kind'], [
      { group: 'apps', version: 'v1', kind: 'Deployment' },
    ]);
    const { description, ...containers } = schemas['io.k8s.api.core.v1.PodSpec'].properties.containers;
    assert.match(description, /^List of containers belonging to the pod\./);
    assert.deepEqual(containers, {
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
    assert.deepEqual(schemas['io.k8s.api.core.v1.EphemeralContainer'].required, ['name']);
    const strategy = schemas['io.k8s.api.apps.v1.DeploymentSpec'].properties.strategy;
    assert.deepEqual(strategy.allOf, [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy' }]);
    assert.equal(strategy['x-kubernetes-patch-strategy'], 'retainKeys');
  });

  it('names operations as client generators know them', async () => {
    const ids = (
      document: { paths: Record<string, Record<string, { operationId?: string }>> },
      path: string,
    ): unknown =>
      Object.fromEntries(
        Object.entries(document.paths[path] ?? {})
          .filter(([method]) => method !== 'parameters')
          .map(([method, { operationId }]) => [method, operationId]),
      );
    const apps = await read('/openapi/v3/apis/apps/v1');
    assert.deepEqual(ids(apps, '/apis/apps/v1/namespaces/{namespace}/deployments'), {
      get: 'listAppsV1NamespacedDeployment',
      post: 'createAppsV1NamespacedDeployment',
      delete: 'deleteAppsV1CollectionNamespacedDeployment',
    });
    assert.deepEqual(ids(apps, '/apis/apps/v1/deployments'), { get: 'listAppsV1DeploymentForAllNamespaces' });
    const scale = '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale';
    assert.equal(apps.paths[scale].get['x-kubernetes-group-version-kind'].kind, 'Scale');
    const core = await read('/openapi/v3/api/v1');
    assert.deepEqual(ids(core, '/api/v1/namespaces/{namespace}/pods/{name}/exec'), {
      get: 'connectCoreV1GetNamespacedPodExec',
      post: 'connectCoreV1PostNamespacedPodExec',
    });
  });

  it('leads to every schema that it refers to', async () => {
    for (const path of Object.keys((await read('/openapi/v3')).paths)) {
      const text = (await get(`/openapi/v3/${path}`)).body.toString();
      const { schemas } = JSON.parse(text).components;
      for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) assert.ok(name in schemas, name);
    }
  });

  it('shows custom kinds with the schema of their definition, and without strategic merge', async () => {
    const document = await read('/openapi/v3/apis/example.com/v1');
    const widget = document.components.schemas['com.example.v1.Widget'];
    for (const name of ['apiVersion', 'kind', 'metadata']) delete widget.properties[name].description;
    assert.deepEqual(widget, {
      type: 'object',
      description: 'A widget.',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
        colour: { type: 'string', default: 'red' },
        spec: { type: 'object', required: ['size'], properties: { size: { type: 'integer', minimum: 1 } } },
      },
      'x-kubernetes-group-version-kind': [{ group: 'example.com', version: 'v1', kind: 'Widget' }],
    });
    const { patch } = document.paths['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}'];
    assert.deepEqual(Object.keys(patch.requestBody.content), [
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/apply-patch+yaml',
    ]);
  });

  it('builds anew once definitions change, and forgets what is gone', async () => {
    const before = (await read('/openapi/v3')).paths['apis/example.com/v1'].serverRelativeURL;
    const [version] = crd.spec.versions;
    const schema = { openAPIV3Schema: { ...version?.schema.openAPIV3Schema, description: 'Another widget.' } };
    const spec = { ...crd.spec, versions: [{ ...version, schema }] };
    crds = [{ ...crd, spec, metadata: { ...crd.metadata, generation: 2 } }];
    assert.notEqual((await read('/openapi/v3')).paths['apis/example.com/v1'].serverRelativeURL, before);
    groups = groups.slice(0, 2);
    snapshot = { generation: 2, groups };
    const query = new URLSearchParams();
    assert.equal(
      paths({ method: 'GET', path: '/openapi/v3/apis/example.com/v1', query } as AuthenticatedCall),
      undefined,
    );
  });
});

describe('/openapi/v2', () => {
  it('has all groups in one document of the older dialect', async () => {
    const document = await read('/openapi/v2');
    assert.equal(document.swagger, '2.0');
    const { DeploymentSpec, Deployment } = {
      DeploymentSpec: document.definitions['io.k8s.api.apps.v1.DeploymentSpec'],
      Deployment: document.definitions['io.k8s.api.apps.v1.Deployment'],
    };
    assert.deepEqual(DeploymentSpec.properties.strategy, {
      $ref: '#/definitions/io.k8s.api.apps.v1.DeploymentStrategy',
      description: 'DeploymentStrategy describes how to replace existing pods with new ones.',
      'x-kubernetes-patch-strategy': 'retainKeys',
    });
    assert.equal(Deployment.properties.kind.type, 'string');
    const { description: _, ...intOrString } = document.definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString'];
    assert.deepEqual(intOrString, {
      type: 'string',
      format: 'int-or-string',
    });
    const { post } = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments'];
    assert.deepEqual(post.parameters[0], {
      name: 'body',
      in: 'body',
      required: true,
      schema: { $ref: '#/definitions/io.k8s.api.apps.v1.Deployment' },
    });
  });

  it('tells defaults of custom kinds, and no zeros of built-in ones', async () => {
    groups = [...groups, { group: 'example.com', versions: [{ version: 'v1', resources: [widgets] }] }];
    snapshot = { generation: 3, groups };
    const { definitions } = await read('/openapi/v2');
    assert.deepEqual(definitions['com.example.v1.Widget'].properties.colour, { type: 'string', default: 'red' });
    assert.equal(
      definitions['io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry'].properties.time.default,
      undefined,
    );
  });

  it('speaks protobuf to Go clients, and refuses what it does not speak', async () => {
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const answer = await get('/openapi/v2', { accept });
    assert.equal(answer.contentType, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    // Field 1 of the document: swagger, "2.0".
    assert.equal((answer.body as Buffer).subarray(0, 5).toString('latin1'), '\x0a\x032.0');
    assert.equal((await get('/openapi/v2', { accept: 'text/html' })).status, 406);
    assert.equal((await get('/openapi/v3/apis/apps/v1', { accept: accept.replace('v2@', 'v3@') })).status, 406);
    const json = await get('/openapi/v2', { accept: `${accept};q=0.5,application/json` });
    assert.equal(json.contentType, 'application/json');
  });
});
