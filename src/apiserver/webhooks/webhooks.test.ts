import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { type AskingServer, type Reply, startAskingServer } from '../../testing/asking-server.ts';
import { dialerTo, makeService, openPodServer, type PodServer } from '../../testing/pod-service.ts';
import { WorkloadNetwork } from '../workloads/workload-network.ts';
import { createWebhooks } from './webhooks.ts';

interface ReviewBody {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: Record<string, unknown> & { uid: string };
}

const BASE = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';

describe('admission webhooks', () => {
  let pod: PodServer;
  let server: AskingServer;
  const dialer = dialerTo(() => pod.port);
  let answers: ((request: ReviewBody['request'], url: string) => Record<string, unknown>) | undefined;

  before(async () => {
    pod = await openPodServer('hook.default.svc');
    pod.react = (asked, response) => {
      const { request, apiVersion } = JSON.parse(asked.body) as ReviewBody;
      const answer = { uid: request.uid, allowed: true, ...answers?.(request, asked.url) };
      response.end(JSON.stringify({ kind: 'AdmissionReview', apiVersion, response: answer }));
    };
    server = await startAskingServer(silentLogger, {
      admission: (seams) => {
        const kubelets = {
          locate: () => Promise.reject(new Error('no kubelet')),
          connect: () => Promise.reject(new Error('no kubelet')),
        };
        const network = new WorkloadNetwork({
          reader: seams.reader,
          dialer,
          kubelets,
          clusterCidrs: ['10.42.0.0/16'],
          clusterDomain: 'cluster.local',
        });
        const authorizer = {
          authorize: async (user: { name: string }) =>
            ({ verdict: user.name === 'admin' ? 'allow' : 'deny', reason: 'by name' }) as const,
        };
        const { mutating, validating } = createWebhooks({
          ...seams,
          network: async () => network,
          authorizer,
          clock: systemClock,
          logger: silentLogger,
        });
        return [mutating, validating];
      },
    });
    await makeService(server, { name: 'hook' });
  });
  after(async () => {
    server.close();
    await pod.close();
  });
  beforeEach(async () => {
    answers = undefined;
    pod.asked.length = 0;
    for (const plural of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) {
      await server.ask({ method: 'DELETE', target: `${BASE}/${plural}` });
    }
  });

  const configure = async (kind: 'Mutating' | 'Validating', name: string, ...hooks: object[]): Promise<void> => {
    const webhooks = hooks.map((hook, index) => ({
      name: `h${index}.example.com`,
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      clientConfig: {
        service: { namespace: 'default', name: 'hook', path: `/${name}` },
        caBundle: Buffer.from(pod.caPem).toString('base64'),
      },
      rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
      ...hook,
    }));
    const target = `${BASE}/${kind.toLowerCase()}webhookconfigurations`;
    const { status, body } = await server.ask({
      method: 'POST',
      target,
      body: { metadata: { name }, webhooks },
    });
    assert.equal(status, 201, JSON.stringify(body));
  };
  const create = (name: string, more: object = {}, query = ''): Promise<Reply> =>
    server.ask({
      method: 'POST',
      target: `${configMaps}${query}`,
      body: { metadata: { name, ...more }, data: { a: 'b' } },
    });
  const messageOf = ({ body }: Reply): string => (body as { message: string }).message;
  const patch = (...operations: object[]): Record<string, unknown> => ({
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
  });

  it('asks about an object with everything that upstream tells', async () => {
    await configure('Validating', 'v', {});
    const { status } = await create('asked', {}, '?fieldManager=me&dryRun=All');
    assert.equal(status, 201);
    const [asked] = pod.asked;
    assert.ok(asked);
    assert.equal(asked.url, '/v?timeout=10s');
    assert.equal(asked.headers.host, 'hook.default.svc:443');
    assert.equal(asked.headers['user-agent'], 'kube-apiserver-admission');
    const { request, ...head } = JSON.parse(asked.body) as ReviewBody;
    assert.deepEqual(head, { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' });
    const { uid, object, ...rest } = request;
    assert.match(uid, /^[0-9a-f-]{36}$/);
    const shown = object as { kind: string; metadata: { name: string; uid: string } };
    assert.deepEqual([shown.kind, shown.metadata.name, shown.metadata.uid.length], ['ConfigMap', 'asked', 36]);
    assert.deepEqual(rest, {
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'asked',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      oldObject: null,
      dryRun: true,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', dryRun: ['All'], fieldManager: 'me' },
    });
    assert.match(dialer.dialled.at(-1) ?? '', /^n1 10\.42\.0\.9:8443$/);
  });

  it('refuses in upstream words, with warnings and the code of the webhook', async () => {
    await configure('Validating', 'v', {});
    answers = () => ({
      allowed: false,
      status: { code: 409, reason: 'Conflict', message: 'not today' },
      warnings: ['mind the gap'],
    });
    const reply = await create('denied');
    assert.equal(reply.status, 409);
    assert.equal(messageOf(reply), 'admission webhook "h0.example.com" denied the request: not today');
    assert.deepEqual(reply.warnings, ['mind the gap']);
    answers = () => ({ allowed: false, status: { code: 123_456 } });
    assert.equal((await create('denied')).status, 999);
    answers = () => ({ allowed: false });
    const silent = await create('denied');
    assert.deepEqual(
      [silent.status, messageOf(silent)],
      [400, 'admission webhook "h0.example.com" denied the request without explanation'],
    );
  });

  it('applies patches in the order of names, each on what came before', async () => {
    await configure('Mutating', 'b', {});
    await configure('Mutating', 'a', {});
    answers = (request, url) => {
      const { data } = request['object'] as { data: Record<string, string> };
      const value = url.startsWith('/a') ? 'first' : `${data['x']} second`;
      return patch({ op: 'add', path: '/data/x', value });
    };
    const { status, body } = await create('patched');
    assert.equal(status, 201);
    assert.equal((body as { data: Record<string, string> }).data['x'], 'first second');
  });

  it('shows objects as Go writes them, so that patches may count on structs', async () => {
    await configure('Mutating', 'm', {
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    });
    answers = () => patch({ op: 'add', path: '/spec/containers/0/resources/limits', value: { cpu: '1000m' } });
    const { status, body } = await server.ask({
      method: 'POST',
      target: '/api/v1/namespaces/default/pods',
      body: { metadata: { name: 'structs' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    });
    assert.equal(status, 201, JSON.stringify(body));
    const { spec } = body as { spec: { containers: { resources: object }[] } };
    assert.deepEqual(spec.containers[0]?.resources, { limits: { cpu: '1' }, requests: { cpu: '1' } });
    const { request } = JSON.parse(pod.asked[0]?.body ?? '{}') as ReviewBody;
    assert.deepEqual((request['object'] as { status: object }).status, {});
  });

  it('asks again where a later webhook has changed something', async () => {
    await configure('Mutating', 'a', { reinvocationPolicy: 'IfNeeded' });
    await configure('Mutating', 'b', {});
    answers = (_, url) => (url.startsWith('/b') ? patch({ op: 'add', path: '/data/x', value: '1' }) : {});
    await create('again');
    assert.deepEqual(
      pod.asked.map(({ url }) => url.slice(0, 2)),
      ['/a', '/b', '/a'],
    );
  });

  it('passes over what does not match', async () => {
    await configure(
      'Validating',
      'v',
      { namespaceSelector: { matchLabels: { team: 'x' } } },
      { objectSelector: { matchLabels: { app: 'x' } } },
      { rules: [{ operations: ['UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }] },
      { rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['*'], resources: ['*'], scope: 'Cluster' }] },
      { matchConditions: [{ name: 'other', expression: 'object.metadata.name != "quiet"' }] },
      { matchConditions: [{ name: 'nobody', expression: '!authorizer.requestResource.check("create").allowed()' }] },
    );
    assert.equal((await create('quiet')).status, 201);
    assert.deepEqual(pod.asked, []);
    assert.equal((await create('loud', { labels: { app: 'x' } })).status, 201);
    assert.equal(pod.asked.length, 2);
  });

  it('judges conditions by the failure policy where they fail', async () => {
    const matchConditions = [{ name: 'broken', expression: 'object.data.none == "x"' }];
    await configure('Validating', 'v', { matchConditions, failurePolicy: 'Ignore' });
    assert.equal((await create('condition')).status, 201);
    await configure('Validating', 'w', { matchConditions });
    const reply = await create('condition-2');
    assert.equal(reply.status, 403);
    assert.equal(
      messageOf(reply),
      `configmaps "condition-2" is forbidden: expression 'object.data.none == "x"' resulted in error: no such key: none`,
    );
  });

  it('shows objects in another version of their kind where rules name that', async () => {
    await configure('Mutating', 'm', {
      rules: [{ operations: ['CREATE'], apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['*'] }],
    });
    answers = () => patch({ op: 'replace', path: '/spec/targetCPUUtilizationPercentage', value: 33 });
    const { status, body } = await server.ask({
      method: 'POST',
      target: '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers',
      body: {
        metadata: { name: 'h' },
        spec: {
          maxReplicas: 3,
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
          ],
        },
      },
    });
    assert.equal(status, 201, JSON.stringify(body));
    const { request } = JSON.parse(pod.asked[0]?.body ?? '{}') as ReviewBody;
    assert.deepEqual(request['kind'], { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler' });
    assert.deepEqual(request['requestKind'], { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' });
    const { spec } = body as { spec: { metrics: { resource: { target: { averageUtilization: number } } }[] } };
    assert.equal(spec.metrics[0]?.resource.target.averageUtilization, 33);
  });

  it('asks about deletions with what is deleted, and about updates with both', async () => {
    await create('old');
    await configure('Validating', 'v', {});
    await server.ask({
      method: 'PATCH',
      target: `${configMaps}/old`,
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { data: { a: 'c' } },
    });
    await server.ask({ method: 'DELETE', target: `${configMaps}/old`, body: { gracePeriodSeconds: 3 } });
    const [update, deletion] = pod.asked.map(({ body }) => (JSON.parse(body) as ReviewBody).request);
    const dataOf = (value: unknown): unknown => (value as { data?: unknown } | null)?.data;
    assert.equal(update?.['operation'], 'UPDATE');
    assert.deepEqual([dataOf(update?.['object']), dataOf(update?.['oldObject'])], [{ a: 'c' }, { a: 'b' }]);
    assert.deepEqual([deletion?.['object'], dataOf(deletion?.['oldObject'])], [null, { a: 'c' }]);
    assert.deepEqual(deletion?.['options'], {
      kind: 'DeleteOptions',
      apiVersion: 'meta.k8s.io/v1',
      gracePeriodSeconds: 3,
    });
  });

  it('keeps connections for later questions', async () => {
    await configure('Validating', 'v', {});
    const before = pod.connections;
    for (let index = 0; index < 20; index++) assert.equal((await create(`k${index}`)).status, 201);
    assert.ok(pod.connections - before <= 1);
  });

  it('does not ask for a dry run what would have side effects', async () => {
    await configure('Validating', 'v', { sideEffects: 'NoneOnDryRun' });
    assert.equal((await create('dry', {}, '?dryRun=All')).status, 201);
  });

  it('leaves its own configuration alone', async () => {
    await configure('Validating', 'v', {
      rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }],
    });
    answers = () => ({ allowed: false });
    const { status } = await server.ask({ method: 'DELETE', target: `${BASE}/validatingwebhookconfigurations/v` });
    assert.equal(status, 200);
  });

  describe('that cannot be asked', () => {
    const failing = {
      'a service that is not there': [
        { service: { namespace: 'default', name: 'gone' } },
        /^Internal error occurred: failed calling webhook "h0\.example\.com": failed to call webhook: Post "https:\/\/gone\.default\.svc:443\/\?timeout=10s": service "gone" not found$/,
      ],
      'a port that the service does not have': [
        { service: { namespace: 'default', name: 'hook', port: 444 } },
        /no service port 444 found for service "hook"$/,
      ],
      'an authority that did not sign the certificate': [
        { service: { namespace: 'default', name: 'hook' }, caBundle: undefined },
        /tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
      ],
    } as const satisfies Record<string, readonly [object, RegExp]>;
    for (const [name, [clientConfig, text]] of Object.entries(failing)) {
      it(`fails for ${name}`, async () => {
        await configure('Validating', 'v', { clientConfig });
        const reply = await create(`f-${name.length}`);
        assert.equal(reply.status, 500);
        assert.match(messageOf(reply), text);
      });
    }

    it('is passed over where its policy says so', async () => {
      const clientConfig = { service: { namespace: 'default', name: 'gone' } };
      await configure('Validating', 'v', { clientConfig, failurePolicy: 'Ignore' });
      await configure('Mutating', 'm', { clientConfig, failurePolicy: 'Ignore' });
      assert.equal((await create('open')).status, 201);
    });

    it('fails once its time is over', async () => {
      const { react } = pod;
      pod.react = () => {};
      await configure('Validating', 'v', { timeoutSeconds: 1 });
      const reply = await create('slow');
      pod.react = react;
      assert.match(messageOf(reply), /"https:\/\/hook\.default\.svc:443\/v\?timeout=1s": context deadline exceeded$/);
    });

    it('fails for answers that are none', async () => {
      const { react } = pod;
      await configure('Validating', 'v', {});
      const texts: string[] = [];
      for (const [status, text] of [
        [404, ''],
        [200, ''],
        [200, '{"response":{"allowed":true}}'],
        [200, '{}'],
      ] as const) {
        pod.react = (_, response) => void response.writeHead(status).end(text);
        texts.push(messageOf(await create('bad')));
      }
      pod.react = react;
      const head = 'Internal error occurred: failed calling webhook "h0.example.com": ';
      assert.deepEqual(
        texts.map((text) => text.slice(head.length).replace(/uid="[^"]+"/, 'uid="U"')),
        [
          'failed to call webhook: the server could not find the requested resource',
          'failed to call webhook: 0-length response with status code: 200 and content type: ',
          'received invalid webhook response: expected response.uid="U", got ""',
          'received invalid webhook response: webhook response was absent',
        ],
      );
    });
  });

  describe('that somebody points elsewhere', () => {
    const urls = [
      'https://169.254.169.254/latest/meta-data',
      'https://127.0.0.1:6443/x',
      'https://[::1]:6443/x',
      'https://[::ffff:127.0.0.1]/x',
      'https://10.96.0.1/api',
      'https://kubernetes.default.svc.host.example/x',
      'https://example.com/x',
      'https://10.42.7.7/x',
    ];
    for (const url of urls) {
      it(`is refused: ${url}`, async () => {
        const before = dialer.dialled.length;
        await configure('Validating', 'v', { clientConfig: { url } });
        const reply = await create('elsewhere');
        assert.equal(reply.status, 500);
        assert.match(
          messageOf(reply),
          /is neither a service nor a pod of this cluster: this server reaches nothing but/,
        );
        assert.equal(dialer.dialled.length, before);
      });
    }

    it('is reached by URL where that names a service or a pod', async () => {
      const caBundle = Buffer.from(pod.caPem).toString('base64');
      await configure('Validating', 'v', { clientConfig: { url: 'https://hook.default.svc/named', caBundle } });
      assert.equal((await create('by-name')).status, 201);
      assert.equal(pod.asked.at(-1)?.url, '/named?timeout=10s');
    });

    const endpoints: Record<string, { ip: string; hostNetwork?: boolean }> = {
      'the metadata of a cloud': { ip: '169.254.169.254' },
      loopback: { ip: '127.0.0.1' },
      'a machine beside the cluster': { ip: '192.168.1.1' },
    };
    for (const [name, { ip }] of Object.entries(endpoints)) {
      it(`is refused where an endpoint is ${name}`, async () => {
        const before = dialer.dialled.length;
        const service = `s${ip.replaceAll('.', '-')}`;
        await server.ask({
          method: 'POST',
          target: '/api/v1/namespaces/default/services',
          body: { metadata: { name: service }, spec: { ports: [{ port: 443 }] } },
        });
        // Slices refuse local addresses themselves; pods may claim any.
        await server.ask({
          method: 'PATCH',
          target: '/api/v1/namespaces/default/pods/hook-pod/status',
          headers: { 'content-type': 'application/merge-patch+json' },
          body: { status: { podIP: ip, podIPs: [{ ip }] } },
        });
        await server.ask({
          method: 'POST',
          target: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
          body: {
            metadata: { name: service, labels: { 'kubernetes.io/service-name': service } },
            addressType: 'IPv4',
            endpoints: [{ addresses: [ip], targetRef: { kind: 'Pod', namespace: 'default', name: 'hook-pod' } }],
            ports: [{ name: '', port: 443, protocol: 'TCP' }],
          },
        });
        await configure('Validating', 'v', { clientConfig: { service: { namespace: 'default', name: service } } });
        const reply = await create('endpoint');
        assert.equal(reply.status, 500);
        assert.match(messageOf(reply), /is no pod of this cluster|no endpoints available for service/);
        assert.equal(dialer.dialled.length, before);
      });
    }
  });
});
