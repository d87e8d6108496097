import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ObjectMeta, Status } from '../generated/api/meta/v1.ts';
import { type AskingServer, type Question, startAskingServer } from '../testing/asking-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const ONE = `${MAPS}/one`;
const applyPatch = { 'content-type': 'application/apply-patch+yaml' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const mergePatch = { 'content-type': 'application/merge-patch+json' };
const schemeName = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27';
const refused = 'the server does not allow this method on the requested resource';
const rejected = 'the server rejected our request due to an error in our request';

interface AnyAnswer {
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

const get = (target: string, headers?: Record<string, string>): Question => ({ method: 'GET', target, headers });
const post = (target: string, body: unknown): Question => ({ method: 'POST', target, body });
const patch = (target: string, headers: Record<string, string>, body: unknown): Question => ({
  method: 'PATCH',
  target,
  headers,
  body,
});
const remove = (target: string, body?: unknown): Question => ({ method: 'DELETE', target, body });

const refusals: Record<string, [question: Question, code: number, message: string]> = {
  'HEAD on a built-in resource': [{ method: 'HEAD', target: ONE }, 405, refused],
  'POST below the old paths of watches': [post('/api/v1/watch/configmaps', {}), 405, refused],
  'a version of the core group that nobody serves': [
    get('/api/v2'),
    404,
    'the server could not find the requested resource',
  ],
  'a list in a form that nobody has': [
    get(MAPS, { accept: 'image/png' }),
    406,
    '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
  ],
  'a group in a form that nobody has': [
    get('/apis/apps', { accept: 'image/png' }),
    406,
    'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  ],
  'old paths of watches for what cannot be watched': [
    get('/apis/authentication.k8s.io/v1/watch/tokenreviews'),
    404,
    'the server could not find the requested resource',
  ],
  'old paths of watches for subresources': [
    get('/apis/apps/v1/watch/namespaces/default/deployments/d/scale'),
    404,
    'the server could not find the requested resource',
  ],
  'old paths of watches for one object without its namespace': [
    get('/api/v1/watch/pods/x'),
    404,
    'the server could not find the requested resource',
  ],
  'a watch of what is only listed': [get('/api/v1/componentstatuses?watch=1'), 405, refused],
  'anything but GET on what tells of the server': [{ method: 'POST', target: '/apis/apps/v1' }, 405, refused],
  'a timeout that is no duration': [
    get(`${ONE}?timeout=soon`),
    400,
    'invalid timeout specified in the request URL - time: invalid duration "soon"',
  ],
  'a timeout without a unit': [
    get(`${ONE}?timeout=5`),
    400,
    'invalid timeout specified in the request URL - time: missing unit in duration "5"',
  ],
  'a watch from nowhere that goes on with a list': [
    get(`${MAPS}?watch=true&continue=x`),
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided',
  ],
  'an object that brings a version': [
    post(MAPS, { metadata: { name: 'x', resourceVersion: '5' } }),
    500,
    'resourceVersion should not be set on objects to be created',
  ],
  'nesting without end': [
    post(MAPS, `{"data":${'['.repeat(20_000)}`),
    400,
    `the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: exceeded max depth ({"data":[[[[[[[[[[[[[[[[[[[[[[ ...)`,
  ],
  'options of a deletion of another kind': [
    remove(ONE, { kind: 'Pod', apiVersion: 'v1' }),
    400,
    `no kind "Pod" is registered for version "v1" in scheme "${schemeName}"`,
  ],
  'other options in place of those of a deletion': [
    remove(ONE, { kind: 'ListOptions', apiVersion: 'meta.k8s.io/v1' }),
    400,
    'decoded object cannot be converted to DeleteOptions',
  ],
  'a broken grace period': [
    remove(ONE, { gracePeriodSeconds: 1.5 }),
    400,
    'json: cannot unmarshal number 1.5 into Go struct field DeleteOptions.gracePeriodSeconds of type int64',
  ],
  'a patch of what is not there, however broken': [
    patch(`${MAPS}/none`, mergePatch, '{'),
    404,
    'configmaps "none" not found',
  ],
  'operations that are none': [
    patch(ONE, jsonPatch, [5]),
    400,
    'error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp',
  ],
  'operations that are none, for those who do not care': [
    patch(`${ONE}?fieldValidation=Ignore`, jsonPatch, {}),
    400,
    'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
  ],
  'a patch that does not fit': [patch(ONE, jsonPatch, [{ op: 'remove', path: '/data/none' }]), 422, rejected],
  'an applied number that no field takes': [
    patch('/apis/apps/v1/namespaces/default/deployments/d?fieldManager=m', applyPatch, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: { replicas: 1.5 },
    }),
    500,
    'failed to convert new object (/d; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment: cannot convert float64 to int32',
  ],
};

describe('requests', () => {
  let asking: AskingServer;
  before(async () => {
    asking = await startAskingServer();
    await asking.ask(post(MAPS, { metadata: { name: 'one' }, data: { a: '1' } }));
  });
  after(() => asking.close());

  for (const [name, [question, code, message]] of Object.entries(refusals)) {
    it(`refuse ${name}`, async () => {
      const { status, body } = await asking.ask(question);
      assert.deepEqual([status, (body as Status).message], [code, message]);
    });
  }

  it('refuse a watch in a form that cannot be streamed, in that form', async () => {
    const { status, body } = await asking.ask(get(`${MAPS}?watch=true`, { accept: 'application/yaml' }));
    assert.equal(status, 406);
    assert.match(String(body).replace(/\s+/g, ' '), /accepted: application\/json;stream=watch, application\/vnd/);
  });

  it('answer the page of nothing behind two slashes', async () => {
    assert.equal((await asking.ask(get('//api/v1/pods'))).body, '404 page not found\n');
  });

  it('answer the page of nothing below groups that are not there', async () => {
    assert.equal((await asking.ask(get('/apis/none.example.com/v1'))).body, '404 page not found\n');
  });

  it('turn empty lists that are always written into null, as storing them does', async () => {
    const limits = { metadata: { name: 'l' }, spec: { limits: [] } };
    const { body } = await asking.ask(post('/api/v1/namespaces/default/limitranges', limits));
    const { metadata, spec } = body as AnyAnswer;
    assert.deepEqual(spec, { limits: null });
    assert.deepEqual(metadata.managedFields?.[0]?.fieldsV1, { 'f:spec': { 'f:limits': {} } });
  });

  it('let nobody own what the strategy of a kind resets', async () => {
    const request = { metadata: { name: 'r' }, spec: { signerName: 'example.com/s', request: '', usages: ['any'] } };
    const target = '/apis/certificates.k8s.io/v1/certificatesigningrequests?dryRun=All';
    const { body } = await asking.ask(post(target, { ...request, metadata: { name: 'r', labels: { a: 'b' } } }));
    const { metadata } = body as AnyAnswer;
    for (const { fieldsV1 } of metadata?.managedFields ?? []) assert.equal(fieldsV1?.['f:spec'], undefined);
  });

  it('keep a key of any name', async () => {
    const { body } = await asking.ask(post(`${MAPS}?dryRun=All`, '{"metadata":{"name":"k"},"data":{"__proto__":"x"}}'));
    assert.deepEqual(Object.entries((body as AnyAnswer)['data'] as object), [['__proto__', 'x']]);
  });

  it('mark the end of the initial events for whoever watches from nowhere and takes bookmarks', async () => {
    const { body } = await asking.ask(
      get(`${MAPS}?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name=none`),
    );
    const event = body as { type: string; object: AnyAnswer };
    assert.equal(event.type, 'BOOKMARK');
    assert.deepEqual(event.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
  });

  it('show marks of a watch in tables, though they have metadata alone', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const target = '/apis/apps/v1/deployments?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name=none';
    const { body } = await asking.ask(get(target, { accept }));
    const event = body as { type: string; object: { rows: { cells: unknown[] }[] } };
    assert.equal(event.type, 'BOOKMARK');
    assert.deepEqual(event.object.rows[0]?.cells, ['', '0/0', 0, 0, '<unknown>', '', '', '']);
  });

  it('show a scale as a table, and keep the lowest bits of what does not fit', async () => {
    const spec = {
      replicas: 3,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    };
    const target = '/apis/apps/v1/namespaces/default/deployments';
    await asking.ask(post(target, { metadata: { name: 'd' }, spec }));
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const { body } = await asking.ask(get(`${target}/d/scale`, { accept }));
    const { columnDefinitions, rows } = body as unknown as {
      columnDefinitions: { name: string }[];
      rows: { cells: unknown[] }[];
    };
    assert.deepEqual(
      columnDefinitions.map(({ name }) => name),
      ['Name', 'Desired', 'Available', 'Age'],
    );
    assert.deepEqual(rows[0]?.cells.slice(0, 3), ['d', 3, 0]);
    const large = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 2 ** 32 + 1 } };
    for (const headers of [applyPatch, { 'content-type': 'application/strategic-merge-patch+json' }]) {
      const query = headers === applyPatch ? '?fieldManager=m&force=true&dryRun=All' : '?dryRun=All';
      const { status, body } = await asking.ask(patch(`${target}/d${query}`, headers, large));
      assert.equal(status, 200);
      assert.equal(((body as AnyAnswer)['spec'] as { replicas: number }).replicas, 1);
    }
  });

  it('list flow schemas as tables in the order in which they are asked', async () => {
    const target = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas';
    const spec = (matchingPrecedence: number): object => ({
      matchingPrecedence,
      priorityLevelConfiguration: { name: 'p' },
    });
    await asking.ask(post(target, { metadata: { name: 'a-late' }, spec: spec(9000) }));
    await asking.ask(post(target, { metadata: { name: 'b-early' }, spec: spec(8000) }));
    const { body } = await asking.ask(get(target, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }));
    const names = (body as unknown as { rows: { cells: unknown[] }[] }).rows.map(({ cells }) => cells[0]);
    assert.deepEqual(
      names.filter((name) => name === 'a-late' || name === 'b-early'),
      ['b-early', 'a-late'],
    );
  });

  it('refuse mirror pods that name an account while they are still changed, before nodes are judged', async () => {
    const pod = {
      metadata: { name: 'mirror', annotations: { 'kubernetes.io/config.mirror': 'x' } },
      spec: { serviceAccountName: 'a', priorityClassName: 'none', containers: [{ name: 'c', image: 'i' }] },
    };
    const { status, body } = await asking.ask(post('/api/v1/namespaces/default/pods', pod));
    assert.equal(status, 403);
    assert.equal(
      (body as Status).message,
      'pods "mirror" is forbidden: a mirror pod may not reference service accounts',
    );
  });

  it('end in time', async () => {
    assert.equal((await asking.ask(get(`${ONE}?timeout=1m`))).status, 200);
  });
});
