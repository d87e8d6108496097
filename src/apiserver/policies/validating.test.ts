import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { silentLogger } from '../../telemetry/logger.ts';
import { type AskingServer, type Reply, startAskingServer } from '../../testing/asking-server.ts';
import { createPolicies } from './policies.ts';

const BASE = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';

interface Failure {
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly details: { readonly causes: readonly { readonly message: string }[] };
}

describe('validating admission policies', () => {
  let server: AskingServer;
  before(async () => {
    server = await startAskingServer(silentLogger, {
      admission: (seams) => {
        const authorizer = {
          authorize: async (_: unknown, attributes: { verb: string }) =>
            ({ verdict: attributes.verb === 'get' ? 'allow' : 'deny', reason: 'by verb' }) as const,
        };
        const { mutating, validating } = createPolicies({ ...seams, authorizer });
        return [mutating, validating];
      },
    });
    await server.ask({
      method: 'PATCH',
      target: '/api/v1/namespaces/default',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { metadata: { labels: { team: 'blue' } } },
    });
  });
  after(() => server.close());
  beforeEach(async () => {
    for (const plural of ['validatingadmissionpolicybindings', 'validatingadmissionpolicies']) {
      await server.ask({ method: 'DELETE', target: `${BASE}/${plural}` });
    }
    await server.ask({ method: 'DELETE', target: configMaps });
  });

  const post = async (target: string, body: object): Promise<Reply> => server.ask({ method: 'POST', target, body });
  const made = async (target: string, body: object): Promise<void> => {
    const { status, body: answer } = await post(target, body);
    assert.equal(status, 201, JSON.stringify(answer));
  };
  const bind = async (spec: object, binding: object = {}, name = 'p'): Promise<void> => {
    const rules = [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
    await made(`${BASE}/validatingadmissionpolicies`, {
      metadata: { name },
      spec: { matchConstraints: { resourceRules: rules }, ...spec },
    });
    await made(`${BASE}/validatingadmissionpolicybindings`, {
      metadata: { name: `${name}-b` },
      spec: { policyName: name, validationActions: ['Deny'], ...binding },
    });
  };
  const create = (data: object = {}, name = 'c', query = ''): Promise<Reply> =>
    post(`${configMaps}${query}`, { metadata: { name, labels: { app: 'x' } }, data });
  const failure = async (data: object = {}): Promise<Failure> => (await create(data)).body as Failure;
  const prefix = `configmaps "c" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p-b' denied request: `;

  it('denies with the code, the reason and the cause that upstream gives', async () => {
    await bind({ validations: [{ expression: "object.data.a == 'b'" }] });
    const { message, reason, code, details } = await failure({ a: 'c' });
    assert.equal(message, `${prefix}failed expression: object.data.a == 'b'`);
    assert.deepEqual([reason, code], ['Invalid', 422]);
    assert.deepEqual(details.causes, [{ message: message.replace('configmaps "c" is forbidden: ', '') }]);
    assert.equal((await create({ a: 'b' })).status, 201);
  });

  it('denies in tries without storing, too', async () => {
    await bind({ validations: [{ expression: 'request.dryRun == false' }] });
    assert.equal((await create({}, 'c', '?dryRun=All')).status, 422);
  });

  const messages: Record<string, [object, string, number]> = {
    'says a message': [{ expression: 'false', message: ' no ' }, 'no', 422],
    'says what a message comes to': [
      { expression: 'false', messageExpression: "'no ' + object.metadata.name" },
      'no c',
      422,
    ],
    'prefers the fixed message to one that fails': [
      { expression: 'false', messageExpression: 'string(object.data.x)', message: 'fixed' },
      'fixed',
      422,
    ],
    'takes no message of several lines': [
      { expression: 'false', messageExpression: "'a\\nb'", message: 'fixed' },
      'fixed',
      422,
    ],
    'answers with the code of a reason': [{ expression: 'false', reason: 'Forbidden', message: 'm' }, 'm', 403],
    'answers with the code for large things': [
      { expression: 'false', reason: 'RequestEntityTooLarge', message: 'm' },
      'm',
      413,
    ],
    'says which expression failed': [
      { expression: 'object.data.x == 1' },
      "expression 'object.data.x == 1' resulted in error: no such key: x",
      422,
    ],
  };
  for (const [title, [validation, message, code]] of Object.entries(messages)) {
    it(title, async () => {
      await bind({ validations: [validation] });
      const answer = await failure({ a: 'b' });
      assert.deepEqual([answer.message, answer.code], [prefix + message, code]);
    });
  }

  const holding: Record<string, string> = {
    request:
      "request.operation == 'CREATE' && request.userInfo.username == 'admin' && request.resource.resource == 'configmaps'",
    'objects that are not there': 'oldObject == null && object != null',
    namespaces: "namespaceObject.metadata.labels.team == 'blue'",
    authorizers: "authorizer.group('').resource('pods').check('get').allowed()",
    'authorizers of the request': "!authorizer.requestResource.check('create').allowed()",
    'which keys there are': "'a' in object.data && !('b' in object.data) && 'app' in object.metadata.labels",
    'optional fields': "object.?data.?x.orValue('y') == 'y'",
  };
  for (const [title, expression] of Object.entries(holding)) {
    it(`lets expressions read ${title}`, async () => {
      await bind({ validations: [{ expression }] });
      const { status, body } = await create({ a: 'b' });
      assert.equal(status, 201, JSON.stringify(body));
    });
  }

  it('evaluates variables when they are read, and tells which one failed', async () => {
    await bind({
      variables: [
        { name: 'bad', expression: 'object.data.x' },
        { name: 'a', expression: 'object.data.a' },
        { name: 'both', expression: 'variables.a + variables.a' },
      ],
      validations: [{ expression: "variables.both == 'bb'" }],
    });
    assert.equal((await create({ a: 'b' })).status, 201);
    await bind(
      {
        variables: [{ name: 'bad', expression: 'object.data.x' }],
        validations: [{ expression: "variables.bad == ''" }],
      },
      {},
      'q',
    );
    const { body } = await post(configMaps, { metadata: { name: 'd' }, data: { a: 'b' } });
    const { message } = body as Failure;
    assert.match(message, /resulted in error: composited variable "bad" fails to evaluate: no such key: x$/);
  });

  it('stops expressions that cost too much', async () => {
    const expression = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(x, [1, 2, 3].all(y, !object.data.a.contains('zz')))";
    await bind({ validations: [{ expression }] });
    const { message } = await failure({ a: 'b'.repeat(500_000) });
    const why = 'operation cancelled: actual cost limit exceeded';
    assert.equal(message, `${prefix}expression '${expression}' resulted in error: ${why}`);
  });

  it('runs no more expressions once their budget is spent', async () => {
    const expression = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(x, !object.data.a.contains('zz'))";
    const validations = Array.from({ length: 30 }, (_, at) => ({ expression: `${expression} && ${at} >= 0` }));
    await bind({ validations });
    const { message } = await failure({ a: 'b'.repeat(600_000) });
    const why = 'validation failed due to running out of cost budget, no further validation rules will be run';
    assert.equal(message, prefix + why);
  });

  it('lets failures pass where it is told to, though not refusals', async () => {
    await bind({ failurePolicy: 'Ignore', validations: [{ expression: 'object.data.x == 1' }] });
    assert.equal((await create({ a: 'b' })).status, 201);
  });

  it('warns instead of denying where a binding says so', async () => {
    await bind({ validations: [{ expression: 'false', message: 'm' }] }, { validationActions: ['Warn', 'Audit'] });
    const { status, warnings } = await create();
    assert.equal(status, 201);
    assert.deepEqual(warnings, ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-b': m"]);
  });

  it('judges only what conditions, rules and selectors leave', async () => {
    const no = { validations: [{ expression: 'false' }] };
    await bind({ ...no, matchConditions: [{ name: 'c', expression: "object.metadata.name == 'd'" }] });
    assert.equal((await create({}, 'c1')).status, 201);
    assert.equal((await create({}, 'd')).status, 422);
    const rules = [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
    const excluded = {
      matchConstraints: { resourceRules: rules, excludeResourceRules: [{ ...rules[0], resourceNames: ['e'] }] },
    };
    await bind({ ...no, ...excluded }, { matchResources: { objectSelector: { matchLabels: { app: 'x' } } } }, 'q');
    assert.equal((await create({}, 'e')).status, 201);
    assert.equal((await create({}, 'f')).status, 422);
    assert.equal((await post(configMaps, { metadata: { name: 'g' } })).status, 201);
  });

  it('says that a condition failed', async () => {
    await bind({
      validations: [{ expression: 'false' }],
      matchConditions: [{ name: 'c', expression: 'object.x == 1' }],
    });
    const { message } = await failure();
    assert.equal(message, `${prefix}expression 'object.x == 1' resulted in error: no such key: x`);
  });

  describe('with parameters', () => {
    const params = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [{ expression: 'object.data.n == params.data.n' }],
    };
    const rule = {
      matchConstraints: {
        resourceRules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'] }],
      },
    };
    const secret = (n: string): Promise<Reply> =>
      post('/api/v1/namespaces/default/secrets', {
        metadata: { generateName: 's-' },
        stringData: {},
        data: { n: Buffer.from(n).toString('base64') },
      });
    const n = (text: string): object => ({ n: Buffer.from(text).toString('base64') });

    it('reads them from the namespace of the request', async () => {
      await bind({ ...params, ...rule }, { paramRef: { name: 'param', parameterNotFoundAction: 'Deny' } });
      const { body } = await secret('1');
      const why = 'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction';
      assert.ok((body as Failure).message.endsWith(why), JSON.stringify(body));
      await create(n('1'), 'param');
      assert.equal((await secret('1')).status, 201);
      assert.equal((await secret('2')).status, 422);
    });

    it('asks all that a selector finds, and allows where there is nothing and nothing is needed', async () => {
      const paramRef = { selector: { matchLabels: { app: 'x' } }, parameterNotFoundAction: 'Allow' };
      await bind({ ...params, ...rule }, { paramRef });
      assert.equal((await secret('1')).status, 201);
      await create(n('1'), 'one');
      assert.equal((await secret('1')).status, 201);
      await create(n('2'), 'two');
      assert.equal((await secret('1')).status, 422);
    });

    it('says that nobody knows a kind', async () => {
      await bind(
        { ...rule, paramKind: { apiVersion: 'example.com/v1', kind: 'Limit' }, validations: [{ expression: 'true' }] },
        {
          paramRef: { name: 'x', parameterNotFoundAction: 'Deny' },
        },
      );
      const { message } = (await secret('1')).body as Failure;
      const why =
        "failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Limit'";
      assert.ok(message.endsWith(`ValidatingAdmissionPolicy 'p' denied request: ${why}`), message);
    });
  });
});
