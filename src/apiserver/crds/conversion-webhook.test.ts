import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import type { AnyObject, ResourceType } from '../../machinery/object/object.ts';
import { type AskingServer, type Reply, startAskingServer } from '../../testing/asking-server.ts';

interface Review {
  readonly kind: string;
  readonly apiVersion: string;
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: AnyObject[] };
  readonly response: unknown;
}

interface Port extends AnyObject {
  spec: { hostPort?: string; host?: string; port?: string; more?: string };
}

const GROUP = 'ports.example.com';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const path = (version: string, name = ''): string =>
  `/apis/${GROUP}/${version}/namespaces/default/ports${name && `/${name}`}`;

const text = { type: 'string' };
const schemaOf = (properties: object) => ({
  openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
});

const definition = {
  metadata: { name: `ports.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { plural: 'ports', singular: 'port', kind: 'Port' },
    conversion: {
      strategy: 'Webhook',
      webhook: {
        conversionReviewVersions: ['v9', 'v1'],
        clientConfig: { service: { namespace: 'default', name: 'hook', path: '/convert' } },
      },
    },
    versions: [
      { name: 'v1', served: true, storage: true, schema: schemaOf({ hostPort: text }) },
      {
        name: 'v2',
        served: true,
        storage: false,
        selectableFields: [{ jsonPath: '.spec.host' }],
        schema: schemaOf({ host: text, port: text, more: { type: 'string', default: 'filled' } }),
      },
    ],
  },
};

function convert(object: Port, apiVersion: string): Port {
  const { hostPort, host, port } = object.spec;
  const [first, second] = (hostPort ?? '').split(':');
  const spec = apiVersion.endsWith('v2') ? { host: first, port: second, pruned: 'x' } : { hostPort: `${host}:${port}` };
  return { ...structuredClone(object), apiVersion, spec } as Port;
}

/** What the webhook answers in the place of a right answer, and what becomes of it; as recorded from kube-apiserver 1.36. */
const faults: Record<string, [(response: Record<string, unknown>, objects: Port[]) => object, string]> = {
  'a failure with a message': [
    (response) => ({ response: { ...response, result: { status: 'Failure', message: 'no way' } } }),
    'failed: no way',
  ],
  'a failure without one': [
    (response) => ({ response: { ...response, result: { status: 'Failure' } } }),
    "failed: response.result.status was 'Failure', not 'Success'",
  ],
  'no response': [() => ({ response: undefined }), 'failed: no response provided'],
  'too few objects': [
    (response) => ({ response: { ...response, convertedObjects: [] } }),
    'returned 0 objects, expected 1',
  ],
  'another kind of review': [
    () => ({ kind: 'Foo' }),
    'failed: no kind "Foo" is registered for version "apiextensions.k8s.io/v1" in scheme "k8s.io/apiserver/pkg/util/webhook/client.go:71"',
  ],
  'another version of the review': [
    () => ({ apiVersion: 'apiextensions.k8s.io/v1beta1' }),
    'failed: converting (v1beta1.ConversionReview) to (v1.ConversionReview): unknown conversion',
  ],
  'a review without a kind': [
    () => ({ kind: undefined }),
    'failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got apiextensions.k8s.io/v1, Kind=',
  ],
  'objects of a third version': [
    (_, [object]) => {
      if (object) object.apiVersion = 'example.com/v9';
      return {};
    },
    `returned invalid object at index 0: invalid groupVersion (expected ${GROUP}/v2, received example.com/v9)`,
  ],
  'objects of another kind': [
    (_, [object]) => {
      if (object) object.kind = 'Other';
      return {};
    },
    'returned invalid object at index 0: invalid kind (expected Port, received Other)',
  ],
  'objects under another name': [
    (_, [object]) => {
      if (object) object.metadata.name = 'zz';
      return {};
    },
    'returned invalid object: must have the same name: one != zz',
  ],
  'labels that are no texts': [
    (_, [object]) => {
      if (object) object.metadata.labels = { a: 1 } as never;
      return {};
    },
    'returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object',
  ],
  'keys of annotations that are none': [
    (_, [object]) => {
      if (object) object.metadata.annotations = { 'a b': 'x' };
      return {};
    },
    "returned invalid metadata: metadata.annotation: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ],
};

describe('conversion webhooks', () => {
  let asking: AskingServer;
  const reviews: Review[] = [];
  let spoil: ((response: Record<string, unknown>, objects: Port[]) => object) | undefined;
  let unreachable = false;

  const count = (): number => reviews.length;
  const answer = (review: Review): unknown => {
    const { uid, desiredAPIVersion, objects } = review.request;
    const converted = objects.map((object) => convert(object as Port, desiredAPIVersion));
    const response = { uid, convertedObjects: converted, result: { status: 'Success' } };
    return { kind: review.kind, apiVersion: review.apiVersion, response, ...spoil?.(response, converted) };
  };
  const create = (version: string, name: string, spec: object, more: object = {}): Promise<Reply> =>
    asking.ask({
      method: 'POST',
      target: path(version),
      body: { apiVersion: `${GROUP}/${version}`, kind: 'Port', metadata: { name, ...more }, spec },
    });
  const get = async (version: string, name: string): Promise<Port> =>
    (await asking.ask({ method: 'GET', target: path(version, name) })).body as Port;
  const list = async (version: string, query = ''): Promise<Port[]> => {
    const { body } = await asking.ask({ method: 'GET', target: `${path(version)}${query}` });
    return (body as { items: Port[] }).items;
  };

  before(async () => {
    asking = await startAskingServer(undefined, {
      conversions: {
        post: async ({ body, timeoutSeconds, userAgent }) => {
          assert.deepEqual([timeoutSeconds, userAgent], [30, 'kube-apiserver-admission']);
          if (unreachable) throw new Error('Post "https://hook.default.svc:443/convert?timeout=30s": EOF');
          const review = JSON.parse(body.toString('utf8')) as Review;
          reviews.push(review);
          return answer(review);
        },
      },
    });
    const { status, body } = await asking.ask({ method: 'POST', target: CRDS, body: definition });
    assert.equal(status, 201, JSON.stringify(body));
    for (;;) if ((await asking.ask({ method: 'GET', target: path('v2') })).status === 200) break;
  });
  after(() => asking.close());
  beforeEach(async () => {
    spoil = undefined;
    unreachable = false;
    for (const { metadata } of await list('v1')) {
      await asking.ask({ method: 'DELETE', target: path('v1', metadata.name ?? '') });
    }
    reviews.length = 0;
  });

  it('shows an object in another version, asking once and as upstream does', async () => {
    await create('v1', 'one', { hostPort: 'h:1' });
    assert.equal(count(), 0);
    const shown = await get('v2', 'one');
    assert.deepEqual(shown.spec, { host: 'h', port: '1' });
    assert.equal(shown.apiVersion, `${GROUP}/v2`);
    assert.equal(shown.metadata.resourceVersion, (await get('v1', 'one')).metadata.resourceVersion);
    await get('v2', 'one');
    assert.equal(count(), 1);
    const [review] = reviews;
    assert.deepEqual([review?.kind, review?.apiVersion], ['ConversionReview', 'apiextensions.k8s.io/v1']);
    assert.deepEqual(review?.response, { uid: '', convertedObjects: null, result: { metadata: {} } });
    assert.equal(review?.request.desiredAPIVersion, `${GROUP}/v2`);
    assert.deepEqual(Object.keys(review?.request.objects[0]?.metadata ?? {}).sort(), [
      'creationTimestamp',
      'generation',
      'managedFields',
      'name',
      'namespace',
      'uid',
    ]);
  });

  it('stores what comes in another version in the one that is stored', async () => {
    const { status, body } = await create('v2', 'two', { host: 'a', port: '2' });
    assert.equal(status, 201);
    assert.deepEqual((body as Port).spec, { host: 'a', port: '2' });
    assert.deepEqual((await get('v1', 'two')).spec, { hostPort: 'a:2' });
    assert.deepEqual(
      reviews.map(({ request }) => request.desiredAPIVersion),
      [`${GROUP}/v1`, `${GROUP}/v2`],
    );
  });

  it('asks about the objects of a list together', async () => {
    for (let at = 0; at < 120; at++) await create('v1', `p${at}`, { hostPort: `h:${at}` });
    const items = await list('v2');
    assert.equal(items.length, 120);
    assert.ok(items.every(({ spec, metadata }) => `p${spec.port}` === metadata.name));
    assert.deepEqual(
      reviews.map(({ request }) => request.objects.length),
      [100, 20],
    );
  });

  it('selects by fields of the version that is asked for', async () => {
    await create('v1', 'one', { hostPort: 'a:1' });
    await create('v1', 'two', { hostPort: 'b:2' });
    const found = await list('v2', '?fieldSelector=spec.host%3Db');
    assert.deepEqual(
      found.map(({ metadata }) => metadata.name),
      ['two'],
    );
  });

  it('shows changes in order, and what begins and ends to match', async () => {
    await create('v1', 'one', { hostPort: 'a:1' });
    const stop = new AbortController();
    const client = new Client(asking.server.transportFor({ name: 'admin', groups: ['system:masters'] }));
    const type = { group: GROUP, version: 'v2', kind: 'Port', plural: 'ports', namespaced: true } as ResourceType<Port>;
    const seen: string[] = [];
    const change = (hostPort: string): Promise<Reply> =>
      asking.ask({
        method: 'PATCH',
        target: path('v1', 'one'),
        headers: { 'content-type': 'application/merge-patch+json' },
        body: { spec: { hostPort } },
      });
    const events = client.watch(type, { fieldSelector: 'spec.host=a', signal: stop.signal });
    for await (const { type: what, object } of events) {
      seen.push(`${what} ${object.spec.host}:${object.spec.port}`);
      if (seen.length === 1) {
        for (const next of ['a:2', 'b:3', 'b:4', 'a:5']) await change(next);
        await asking.ask({ method: 'DELETE', target: path('v1', 'one') });
      }
      if (seen.length === 5) break;
    }
    stop.abort();
    assert.deepEqual(seen, ['ADDED a:1', 'MODIFIED a:2', 'DELETED b:3', 'ADDED a:5', 'DELETED a:5']);
  });

  it('keeps managers to the versions that they wrote in', async () => {
    await create('v1', 'one', { hostPort: 'h:1' });
    const apply = (query: string): Promise<Reply> =>
      asking.ask({
        method: 'PATCH',
        target: `${path('v2', 'one')}?fieldManager=me${query}`,
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body: { apiVersion: `${GROUP}/v2`, kind: 'Port', metadata: { name: 'one' }, spec: { host: 'h2' } },
      });
    const refused = await apply('');
    assert.equal(refused.status, 409);
    assert.match((refused.body as { message: string }).message, /using ports\.example\.com\/v1.*: \.spec\.hostPort$/);
    const { body } = await apply('&force=true');
    const fields = (body as Port).metadata.managedFields ?? [];
    assert.deepEqual(
      fields.map(({ manager, apiVersion, fieldsV1 }) => [manager, apiVersion, fieldsV1]),
      [
        ['me', `${GROUP}/v2`, { 'f:spec': { 'f:host': {} } }],
        ['test', `${GROUP}/v1`, { 'f:spec': {} }],
      ],
    );
    assert.deepEqual((await get('v1', 'one')).spec, { hostPort: 'h2:1' });
  });

  it('lets the webhook change labels and annotations and nothing else of metadata', async () => {
    await create('v1', 'one', { hostPort: 'h:1' }, { labels: { old: 'l' } });
    spoil = (_, [object]) => {
      if (object) object.metadata = { ...object.metadata, labels: { new: 'l' }, finalizers: ['x.y/z'] };
      return {};
    };
    const { labels, finalizers } = (await get('v2', 'one')).metadata;
    assert.deepEqual({ labels, finalizers }, { labels: { new: 'l' }, finalizers: undefined });
  });

  for (const [name, [change, message]] of Object.entries(faults)) {
    it(`refuses ${name}`, async () => {
      await create('v1', 'one', { hostPort: 'h:1' });
      spoil = change;
      const { status, body } = await asking.ask({ method: 'GET', target: path('v2', 'one') });
      assert.equal(status, 500);
      const asked = `conversion webhook for ${GROUP}/v1, Kind=Port`;
      assert.equal((body as { message: string }).message, `${asked} ${message}`);
    });
  }

  it('says what keeps it from asking, and asks again', async () => {
    await create('v1', 'one', { hostPort: 'h:1' });
    unreachable = true;
    const { body } = await asking.ask({ method: 'GET', target: path('v2') });
    const why = 'Post "https://hook.default.svc:443/convert?timeout=30s": EOF';
    const { message, reason, code } = body as { message: string; reason?: string; code: number };
    assert.deepEqual(
      { message, reason, code },
      { message: `conversion webhook for ${GROUP}/v1, Kind=Port failed: ${why}`, reason: undefined, code: 500 },
    );
    unreachable = false;
    assert.equal((await list('v2')).length, 1);
  });
});
