/** A HorizontalPodAutoscaler on metrics that a pod behind a machine's tunnel serves as an aggregated API. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openPodServer, type PodServer } from '../../src/testing/pod-service.ts';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';
import { type SimulatedNodes, startSimulatedNodes } from './simulated-nodes.ts';

const GROUP = '/apis/metrics.k8s.io/v1beta1';
/** Two rounds of the autoscaler. */
const patience = { timeoutMs: 45_000 };

let server: WarrenServer;
let machines: SimulatedNodes;
let metrics: PodServer;
let kubectl: CommandLine;
/** What each pod of the workload uses of its 100m. */
let usedMillis = 50;

before(async () => {
  // The add-on of that name would be real, and no machine here runs it.
  server = await startWarrenServer(['--disable', 'metrics-server']);
  metrics = await openPodServer('metrics-server.kube-system.svc');
  metrics.react = async ({ url }, response) => {
    const found = await answer(url);
    response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  };
  await server.join('vm', undefined, metrics.port);
  machines = await startSimulatedNodes({ kubeconfig: server.kubeconfig, count: 3 });
  await server.kubectl('apply -f -', { input: metricsServer(Buffer.from(metrics.caPem).toString('base64')) });
  await server.kubectl('rollout status -n kube-system deployment/metrics-server --timeout=60s');
  await server.kubectl('wait --for=condition=Available apiservice/v1beta1.metrics.k8s.io --timeout=60s');
  kubectl = await server.inNamespace('scaled');
});
after(async () => {
  await machines?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await metrics?.close();
});

const metricsServer = (caBundle: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: metrics-server, namespace: kube-system}
spec:
  selector: {matchLabels: {app: metrics-server}}
  template:
    metadata: {labels: {app: metrics-server}}
    spec: {nodeSelector: {kubernetes.io/hostname: vm}, containers: [{name: c, image: metrics}]}
---
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {selector: {app: metrics-server}, ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: ${caBundle}
  service: {namespace: kube-system, name: metrics-server}
`;

const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {topology.kubernetes.io/zone: z0}
      containers: [{name: app, image: 'app:1', resources: {requests: {cpu: 100m}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 6
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
`;

/** The part of the metrics API that autoscalers and `kubectl top` ask for. */
async function answer(url: string): Promise<object | undefined> {
  const { pathname, searchParams } = new URL(url, 'https://metrics');
  if (pathname === GROUP) {
    const verbs = ['get', 'list'];
    const resources = [
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs },
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs },
    ];
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'metrics.k8s.io/v1beta1', resources };
  }
  if (pathname !== `${GROUP}/namespaces/scaled/pods`) return undefined;
  const selector = searchParams.get('labelSelector') ?? '';
  const { items } = JSON.parse(await server.kubectl(`get pods -n scaled -l '${selector}' -o json`));
  const timestamp = new Date().toISOString();
  return {
    kind: 'PodMetricsList',
    apiVersion: 'metrics.k8s.io/v1beta1',
    metadata: {},
    items: items.map(({ metadata }: { metadata: { name: string; namespace: string } }) => ({
      metadata: { name: metadata.name, namespace: metadata.namespace },
      timestamp,
      window: '15s',
      containers: [{ name: 'app', usage: { cpu: `${usedMillis}m`, memory: '64Mi' } }],
    })),
  };
}

interface Autoscaler {
  readonly status: {
    readonly currentReplicas: number;
    readonly desiredReplicas: number;
    readonly currentMetrics?: { resource: { current: { averageUtilization: number } } }[];
    readonly conditions: { type: string; status: string; reason: string }[];
  };
}

const look = async (): Promise<Autoscaler> => JSON.parse(await kubectl('get hpa web -o json'));
const conditionsOf = ({ status }: Autoscaler): Record<string, string> =>
  Object.fromEntries(status.conditions.map(({ type, status: value, reason }) => [type, `${value} ${reason}`]));

describe('a HorizontalPodAutoscaler', () => {
  it('reads what pods use, and leaves them alone while that is right', async () => {
    await kubectl('apply -f -', { input: workload });
    await kubectl('rollout status deployment/web --timeout=60s');
    await eventually(async () => {
      const found = await look();
      assert.equal(found.status.currentMetrics?.[0]?.resource.current.averageUtilization, 50);
      assert.deepEqual(conditionsOf(found), {
        AbleToScale: 'True ReadyForNewScale',
        ScalingActive: 'True ValidMetricFound',
        ScalingLimited: 'False DesiredWithinRange',
      });
    }, patience);
    assert.match(await kubectl('top pods'), /web-\S+ +50m +64Mi/);
    assert.match(await kubectl('get hpa'), /web +Deployment\/web +cpu: 50%\/50% +2 +6 +2 /);
  });

  it('asks for more pods where they are busy, as many as it may', async () => {
    usedMillis = 100;
    await eventually(async () => assert.equal((await look()).status.currentReplicas, 4), patience);
    usedMillis = 400;
    await eventually(async () => {
      const found = await look();
      assert.equal(found.status.currentReplicas, 6);
      assert.equal(conditionsOf(found)['ScalingLimited'], 'True TooManyReplicas');
    }, patience);
    await kubectl('rollout status deployment/web --timeout=60s');
    await eventually(async () =>
      assert.match(
        await kubectl('get events --field-selector involvedObject.kind=HorizontalPodAutoscaler'),
        /Normal +SuccessfulRescale +horizontalpodautoscaler\/web +New size: 4; reason: cpu resource utilization \(percentage of request\) above target/,
      ),
    );
  });

  it('lets pods go when there is little to do, but not the last ones', async () => {
    usedMillis = 10;
    await eventually(async () => {
      const found = await look();
      assert.equal(found.status.currentReplicas, 2);
      assert.equal(conditionsOf(found)['ScalingLimited'], 'True TooFewReplicas');
    }, patience);
  });

  it('says that it knows nothing once the metrics are gone, and changes nothing', async () => {
    await server.kubectl('delete apiservice v1beta1.metrics.k8s.io');
    await eventually(async () => {
      const found = await look();
      assert.equal(conditionsOf(found)['ScalingActive'], 'False FailedGetResourceMetric');
      assert.equal(found.status.currentReplicas, 2);
    }, patience);
  });
});
