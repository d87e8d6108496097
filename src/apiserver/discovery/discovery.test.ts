import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { APIResourceList } from '../../generated/api/meta/v1.ts';
import recorded from '../../generated/discovery.json' with { type: 'json' };
import { unwrapUnknown } from '../../machinery/codecs/protobuf/envelope.ts';
import { decodeProtobuf } from '../../machinery/codecs/protobuf/message-codec.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';
import { toWire } from '../../machinery/schema/to-wire.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import { toProtobuf } from '../render/encode.ts';
import type { ResourceCatalog, ResourcesSnapshot, ServedGroup, ServedResourceEntry } from '../served-resources.ts';
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
  return await paths({
    method: 'GET',
    path,
    query: new URLSearchParams(),
    header: (name) => headers[name],
  } as AuthenticatedCall);
}

describe('discovery', () => {
  for (const path of Object.keys(documents)) {
    it(`answers ${path} as a real server does`, async () => {
      const answer = await get(path);
      assert.ok(answer?.kind === 'object');
      const object = JSON.parse(JSON.stringify(answer.item.object));
      if (path === '/api') object['serverAddressByClientCIDRs'] = [];
      assert.deepEqual(object, documents[path]);
    });
  }

  it('has a protobuf form of every document', async () => {
    for (const path of Object.keys(documents)) {
      const answer = await get(path);
      assert.ok(answer?.kind === 'object');
      const { apiVersion, kind } = unwrapUnknown(toProtobuf(answer.item));
      assert.deepEqual([apiVersion, kind], [documents[path]?.['apiVersion'] ?? '', documents[path]?.['kind']]);
    }
  });

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
      responseKind: { group: '', version: '', kind: 'Deployment' },
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
          responseKind: { group: '', version: '', kind: 'Deployment' },
          verbs: ['get', 'patch', 'update'],
        },
      ],
    });
    const etag = answer.headers?.['ETag'] ?? '';
    const again = await get('/apis', { accept: form('v2'), 'if-none-match': etag });
    assert.equal(again?.kind === 'bytes' ? again.status : undefined, 304);
  });

  it('answers in the older version, and in protobuf, under the same tag', async () => {
    const json = await get('/apis', { accept: form('v2beta1') });
    assert.ok(json?.kind === 'bytes' && Buffer.isBuffer(json.body));
    const { apiVersion, items } = JSON.parse(json.body.toString());
    assert.equal(apiVersion, 'apidiscovery.k8s.io/v2beta1');
    const wanted = form('v2').replace('application/json', 'application/vnd.kubernetes.protobuf');
    const answer = await get('/apis', { accept: wanted });
    assert.ok(answer?.kind === 'bytes' && Buffer.isBuffer(answer.body));
    assert.deepEqual([answer.contentType, answer.headers?.['ETag']], [wanted, json.headers?.['ETag']]);
    const envelope = unwrapUnknown(answer.body);
    assert.equal(envelope.apiVersion, 'apidiscovery.k8s.io/v2');
    const typeName = 'apidiscovery/v2.APIGroupDiscoveryList';
    const list = toWire(decodeProtobuf(envelope.raw, typeName), builtinShape(typeName)) as unknown as {
      items: unknown;
    };
    assert.deepEqual(list.items, items);
  });

  it('passes over media types that are not there', async () => {
    const answer = await get('/apis', { accept: `text/html,${form('v9')},${form('v2')}` });
    assert.equal(answer?.kind === 'bytes' ? answer.contentType : undefined, form('v2'));
  });

  it('lists custom kinds with their verbs and subresources in the order of definitions', async () => {
    const verbs = ['delete', 'get', 'create', 'watch'];
    const entry = {
      definition: { plural: 'things', singular: 'thing', kind: 'Thing', namespaced: true, origin: 'custom' },
      verbs,
      subresources: [
        { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get'] },
        { name: 'status', kind: 'Thing', verbs: ['get'] },
      ],
    };
    Object.assign(entry.definition, { shortNames: [], categories: [] });
    const groups = [{ group: 'example.com', versions: [{ version: 'v1', resources: [entry] }] }];
    const snapshot = { generation: 2, groups } as unknown as ResourcesSnapshot;
    const custom = createDiscoveryPaths({
      catalog: { resourcesSnapshot: () => snapshot, onResourcesChange: () => ({ close() {} }) },
      serverAddress: '10.0.0.1:6443',
    });
    const call = { method: 'GET', query: new URLSearchParams() };
    const plain = await custom({ ...call, path: '/apis/example.com/v1', header: () => undefined } as never);
    assert.ok(plain?.kind === 'object');
    const { resources } = plain.item.object as unknown as APIResourceList;
    assert.deepEqual(
      resources.map(({ name, verbs: listed, group }) => [name, listed, group]),
      [
        ['things', verbs, undefined],
        ['things/status', ['get'], undefined],
        ['things/scale', ['get'], 'autoscaling'],
      ],
    );
    const all = await custom({
      ...call,
      path: '/apis',
      header: (name: string) => (name === 'accept' ? form('v2') : ''),
    } as never);
    assert.ok(all?.kind === 'bytes');
    const [resource] = JSON.parse(all.body.toString()).items[0].versions[0].resources;
    assert.deepEqual(resource.verbs, verbs);
    assert.deepEqual(
      [resource, ...resource.subresources].map(({ responseKind }) => responseKind),
      [
        { group: 'example.com', version: 'v1', kind: 'Thing' },
        { group: 'example.com', version: 'v1', kind: 'Thing' },
        { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      ],
    );
  });

  it('refuses forms that do not exist', async () => {
    await assert.rejects(get('/apis', { accept: form('v9') }), { code: 406 });
    assert.equal((await get('/apis', { accept: `${form('v9')},application/json` }))?.kind, 'object');
    await assert.rejects(get('/api', { accept: 'text/html' }), { code: 406 });
    await assert.rejects(get('/apis/apps/v1', { accept: 'text/html' }), { code: 406 });
  });
});
