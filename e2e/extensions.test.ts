/** Webhooks and an aggregated API in a pod of a machine that nobody can call, but through its tunnel. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import { type Asked, openPodServer, type PodServer } from '../src/testing/pod-service.ts';
import { clientFor, type RunOptions } from './clients.ts';
import { eventually } from './program.ts';
import { startWarrenUp, type WarrenUp } from './warren-up.ts';

const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hook}
spec:
  selector: {matchLabels: {app: hook}}
  template:
    metadata: {labels: {app: hook}}
    spec: {containers: [{name: c, image: webhook}]}
---
apiVersion: v1
kind: Service
metadata: {name: hook}
spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 8443}]}
`;

const configuration = (kind: string, path: string, caBundle: string, extra = ''): string => `
apiVersion: admissionregistration.k8s.io/v1
kind: ${kind}WebhookConfiguration
metadata: {name: e2e}
webhooks:
- name: ${path}.e2e.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {namespace: default, name: hook, path: /${path}}, caBundle: ${caBundle}}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [configmaps]}]
  matchConditions: [{name: named, expression: 'object.metadata.name.startsWith("e2e-")'}]
${extra}`;

const apiService = (caBundle: string): string => `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.e2e.example.com}
spec:
  group: e2e.example.com
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 10
  caBundle: ${caBundle}
  service: {namespace: default, name: hook}
`;

const gauge = { kind: 'Gauge', apiVersion: 'e2e.example.com/v1', metadata: { name: 'one', namespace: 'default' } };
const documents: Record<string, object> = {
  '/apis/e2e.example.com/v1': {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: 'e2e.example.com/v1',
    resources: [{ name: 'gauges', singularName: 'gauge', namespaced: true, kind: 'Gauge', verbs: ['get', 'list'] }],
  },
  '/apis/e2e.example.com/v1/namespaces/default/gauges/one': gauge,
};

function answerReview({ url, body }: Asked): object {
  const { request, apiVersion } = JSON.parse(body);
  const response: Record<string, unknown> = { uid: request.uid, allowed: true };
  if (url.startsWith('/mutate')) {
    response['patchType'] = 'JSONPatch';
    const patch = [
      { op: 'add', path: '/metadata/labels', value: { seen: request.userInfo.username.replace(':', '_') } },
    ];
    response['patch'] = Buffer.from(JSON.stringify(patch)).toString('base64');
  } else if (request.object.data?.bad !== undefined) {
    response['allowed'] = false;
    response['status'] = { message: 'it is bad' };
  }
  return { kind: 'AdmissionReview', apiVersion, response };
}

for (const generation of ['2021', 'current'] as const) {
  describe(`extensions on a machine with an agent of the ${generation} protocol`, () => {
    let host: WarrenUp;
    let agent: AgentDouble;
    let pod: PodServer;
    let ca: string;
    let kubectl: (args: readonly string[], options?: RunOptions) => Promise<string>;

    before(async () => {
      pod = await openPodServer('hook.default.svc');
      ca = Buffer.from(pod.caPem).toString('base64');
      pod.react = (asked, response) => {
        const found = asked.method === 'POST' ? answerReview(asked) : documents[asked.url.split('?')[0] ?? ''];
        response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(found ?? {}));
      };
      host = await startWarrenUp();
      const kubeconfig = join(host.folder, 'demo.kubeconfig');
      writeFileSync(kubeconfig, await host.warren(['kubeconfig', 'demo']));
      kubectl = clientFor('kubectl', kubeconfig);
      const line = await host.warren(['join', 'demo']);
      agent = await AgentDouble.join({
        url: /K3S_URL='([^']+)'/.exec(line)?.[1] ?? '',
        token: /K3S_TOKEN='([^']+)'/.exec(line)?.[1] ?? '',
        nodeName: 'vm',
        nodeIp: '192.0.2.7',
        generation,
        podPort: pod.port,
        clock: systemClock,
      });
      await kubectl(['apply', '-f', '-'], { input: workload });
      await kubectl(['rollout', 'status', 'deployment/hook', '--timeout=60s']);
      await eventually(async () =>
        assert.match(await kubectl(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=hook']), /10\.42\./),
      );
    });
    after(async () => {
      await agent?.[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
      await pod.close();
    });

    it('change objects and refuse them', async () => {
      await kubectl(['apply', '-f', '-'], { input: configuration('Mutating', 'mutate', ca) });
      await kubectl(['apply', '-f', '-'], { input: configuration('Validating', 'validate', ca) });
      await kubectl(['create', 'configmap', 'e2e-good', '--from-literal=a=b']);
      assert.match(
        await kubectl(['get', 'configmap', 'e2e-good', '-o', 'jsonpath={.metadata.labels.seen}']),
        /^system_/,
      );
      await assert.rejects(
        kubectl(['create', 'configmap', 'e2e-bad', '--from-literal=bad=1']),
        /admission webhook "validate\.e2e\.example\.com" denied the request: it is bad/,
      );
      await kubectl(['create', 'configmap', 'other', '--from-literal=bad=1']);
    });

    it('serve an API that kubectl knows', async () => {
      await kubectl(['apply', '-f', '-'], { input: apiService(ca) });
      await kubectl(['wait', '--for=condition=Available', 'apiservice/v1.e2e.example.com', '--timeout=30s']);
      await eventually(async () =>
        assert.match(await kubectl(['api-resources', '--api-group=e2e.example.com']), /gauges +e2e\.example\.com\/v1/),
      );
      assert.deepEqual(JSON.parse(await kubectl(['get', 'gauge', 'one', '-o', 'json'])), gauge);
      const asked = pod.asked.find(({ url }) => url.endsWith('/gauges/one'));
      assert.match(String(asked?.headers['x-remote-group']), /system:masters/);
      const trust = await kubectl([
        'get',
        'configmap',
        '-n',
        'kube-system',
        'extension-apiserver-authentication',
        '-o',
        'json',
      ]);
      assert.match(JSON.parse(trust).data['requestheader-client-ca-file'], /BEGIN CERTIFICATE/);
    });

    it('are refused where they lead to the machines around the cluster', async () => {
      const away = configuration('Validating', 'validate', ca).replace(
        /clientConfig: .*/,
        'clientConfig: {url: "https://169.254.169.254/latest"}',
      );
      await kubectl(['apply', '-f', '-'], { input: away });
      await assert.rejects(
        kubectl(['create', 'configmap', 'e2e-away']),
        /169\.254\.169\.254 is neither a service nor a pod of this cluster/,
      );
      await kubectl(['delete', 'validatingwebhookconfiguration', 'e2e']);
    });

    it('are missed when their machine goes, and their failures are told', async () => {
      await agent[Symbol.asyncDispose]();
      await assert.rejects(
        kubectl(['create', 'configmap', 'e2e-late']),
        /failed calling webhook "mutate\.e2e\.example\.com": failed to call webhook: Post "https:\/\/hook\.default\.svc:443\/mutate\?timeout=10s"/,
      );
    });
  });
}
