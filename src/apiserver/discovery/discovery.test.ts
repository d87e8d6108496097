import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import recorded from '../../generated/discovery.json' with { type: 'json' };
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import type { ResourceCatalog, ServedGroup, ServedResourceEntry } from '../served-resources.ts';
import { createDiscoveryPaths } from './discovery.ts';

interface RecordedResource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly storageVersionHash?: string;
  readonly group?: string;
  readonly version?: string;
}

const documents = recorded as unknown as Record<string, Record<string, unknown>>;

/** What a server would have to serve to answer like the recorded one. */
function toGroups(): ServedGroup[] {
  const groups = (documents['/apis']?.['groups'] ?? []) as { name: string; versions: { version: string }[] }[];
  const core: ServedGroup = { group: '', versions: [{ version: 'v1', resources: toEntries('/api/v1') }] };
  return [
    core,
    ...groups.map(({ name, versions }) => ({
      group: name,
      versions: versions.map(({ version }) => ({ version, resources: toEntries(`/apis/${name}/${version}`) })),
    })),
  ];
}

function toEntries(path: string): ServedResourceEntry[] {
  const resources = documents[path]?.['resources'] as readonly RecordedResource[];
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map((resource) => ({
      definition: {
        plural: resource.name,
        singular: resource.singularName,
        namespaced: resource.namespaced,
        kind: resource.kind,
        shortNames: resource.shortNames ?? [],
        categories: resource.categories ?? [],
      } as unknown as ResourceDefinition,
      verbs: resource.verbs,
      storageVersionHash: resource.storageVersionHash,
      subresources: resources
        .filter(({ name }) => name.startsWith(`${resource.name}/`))
        .map(({ name, kind, verbs, group, version }) => ({
          name: name.slice(resource.name.length + 1),
          kind,
          verbs,
          group,
          version,
        })),
    }));
}

const catalog: ResourceCatalog = (() => {
  const snapshot = { generation: 1, groups: toGroups() };
  return { resourcesSnapshot: () => snapshot, onResourcesChange: () => ({ close() {} }) };
})();
const paths = createDiscoveryPaths({ catalog, serverAddress: '10.0.0.1:6443' });

async function get(path: string, headers: Record<string, string> = {}): Promise<Answer | undefined> {
  return await paths({ method: 'GET', path, header: (name) => headers[name] } as AuthenticatedCall);
}

describe('discovery', () => {
  for (const path of Object.keys(documents)) {
    it(`answers ${path} as a real server does`, async () => {
      const answer = await get(path);
      assert.ok(answer?.kind === 'object');
      const object = JSON.parse(answer.item.json?.toString() ?? JSON.stringify(answer.item.object));
      if (path === '/api') object['serverAddressByClientCIDRs'] = [];
      assert.deepEqual(object, documents[path]);
    });
  }

  it('lists its paths', async () => {
    const answer = await get('/');
    const { paths: listed } = JSON.parse(answer?.kind === 'bytes' ? answer.body.toString() : '{}');
    for (const path of ['/api/v1', '/apis/apps', '/apis/apps/v1', '/openapi/v3', '/version'])
      assert.ok(listed.includes(path));
  });

  it('takes a slash at the end for nothing', async () => {
    assert.equal((await get('/apis/apps/'))?.kind, 'object');
  });

  for (const path of ['/apis/none', '/apis/apps/v9', '/api/v2', '/other', '/apis/apps/v1/x/y']) {
    it(`does not know ${path}`, async () => assert.equal(await get(path), undefined));
  }

  const form = (version: string): string =>
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;

  it('answers everything in one document to those who ask, and nothing to those who have it', async () => {
    const answer = await get('/apis', { accept: `${form('v2')},${form('v2beta1')},application/json` });
    assert.ok(answer?.kind === 'bytes' && Buffer.isBuffer(answer.body));
    assert.equal(answer.contentType, form('v2'));
    const list = JSON.parse(answer.body.toString());
    assert.equal(list.apiVersion, 'apidiscovery.k8s.io/v2');
    const apps = list.items.find((item: { metadata: { name: string } }) => item.metadata.name === 'apps');
    const deployments = apps.versions[0].resources.find(
      (each: { resource: string }) => each.resource === 'deployments',
    );
    assert.deepEqual(deployments, {
      resource: 'deployments',
      responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      scope: 'Namespaced',
      singularResource: 'deployment',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      shortNames: ['deploy'],
      categories: ['all'],
      subresources: [
        {
          subresource: 'scale',
          responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
          verbs: ['get', 'patch', 'update'],
        },
        {
          subresource: 'status',
          responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
          verbs: ['get', 'patch', 'update'],
        },
      ],
    });
    const etag = answer.headers?.['ETag'] ?? '';
    const again = await get('/apis', { accept: form('v2'), 'if-none-match': etag });
    assert.equal(again?.kind === 'bytes' ? again.status : undefined, 304);
  });

  it('refuses forms that do not exist', async () => {
    await assert.rejects(get('/apis', { accept: form('v9') }), { code: 406 });
    assert.equal((await get('/apis', { accept: `${form('v9')},application/json` }))?.kind, 'object');
    await assert.rejects(get('/api', { accept: 'text/html' }), { code: 406 });
    await assert.rejects(get('/apis/apps/v1', { accept: 'text/html' }), { code: 406 });
  });
});
