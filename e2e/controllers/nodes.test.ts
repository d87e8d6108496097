/** What becomes of pods when machines go, room is short and owners are deleted, told with kubectl on simulated nodes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';
import { type SimulatedNodes, startSimulatedNodes } from './simulated-nodes.ts';

const HEIRS = 1000;

let server: WarrenServer;
let machines: SimulatedNodes;
before(async () => {
  server = await startWarrenServer();
  machines = await startSimulatedNodes({ kubeconfig: server.kubeconfig, count: 4, cpu: '4' });
});
after(async () => {
  await machines[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface Listed {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: { type: string; status: string; reason?: string }[];
  };
}

const podsOf = async (kubectl: CommandLine, selector: string): Promise<Listed[]> =>
  JSON.parse(await kubectl(`get pods -l ${selector} -o json`)).items;
const apply = (kubectl: CommandLine, object: object): Promise<string> =>
  kubectl('apply -f -', { input: JSON.stringify(object) });

function deployment(name: string, replicas: number, spec: object = {}): object {
  const container = { name: 'app', image: 'app:1', resources: { requests: { cpu: '1' } } };
  const template = {
    metadata: { labels: { app: name } },
    spec: { containers: [container], terminationGracePeriodSeconds: 0, ...spec },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: { app: name } }, template },
  };
}

describe('preemption', () => {
  it('makes room for the pod of more weight, and keeps to budgets where it can', async () => {
    const kubectl = await server.inNamespace('weights');
    await kubectl('create priorityclass high --value=1000');
    await apply(kubectl, deployment('guarded', 8));
    await apply(kubectl, deployment('plain', 8));
    await kubectl('rollout status deployment/guarded --timeout=60s');
    await kubectl('rollout status deployment/plain --timeout=60s');
    await kubectl('create pdb guard --selector=app=guarded --min-available=8');
    await eventually(async () => assert.match(await kubectl('get pdb guard'), /guard +8 +N\/A +0 /));
    await apply(kubectl, deployment('urgent', 2, { priorityClassName: 'high' }));
    await kubectl('rollout status deployment/urgent --timeout=60s');
    assert.equal((await podsOf(kubectl, 'app=guarded')).filter(({ status }) => status.phase === 'Running').length, 8);
    const plain = await podsOf(kubectl, 'app=plain');
    assert.equal(plain.filter(({ status }) => status.phase === 'Running').length, 6);
    const waiting = plain.find(({ status }) => status.phase === 'Pending');
    const told = waiting?.status.conditions?.find(({ type }) => type === 'PodScheduled');
    assert.deepEqual([told?.status, told?.reason], ['False', 'Unschedulable']);
    await eventually(async () => {
      const events = await kubectl('get events');
      assert.match(events, /Normal +Preempted +pod\/plain-\S+ +Preempted by pod \S+ on node sim-\d/);
      assert.match(
        events,
        /FailedScheduling +pod\/plain-\S+ +0\/4 nodes are available: 4 Insufficient cpu\. .*preemption: 0\/4 nodes are available: 4 No preemption victims found for incoming pod\./,
      );
    });
    await kubectl('delete deployment urgent guarded plain');
    await eventually(async () => assert.equal(await kubectl('get pods -o name'), ''));
  });
});

describe('a DaemonSet', () => {
  it('has one pod on each machine, and follows new templates machine by machine', async () => {
    const kubectl = await server.inNamespace('daemons');
    const daemon = (image: string): object => ({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: {
          metadata: { labels: { app: 'agent' } },
          spec: { containers: [{ name: 'app', image }], terminationGracePeriodSeconds: 0 },
        },
      },
    });
    await apply(kubectl, daemon('agent:1'));
    await kubectl('rollout status daemonset/agent --timeout=60s');
    const nodes = (await podsOf(kubectl, 'app=agent')).map(({ spec }) => spec.nodeName).sort();
    assert.deepEqual(nodes, ['sim-0', 'sim-1', 'sim-2', 'sim-3']);
    await apply(kubectl, daemon('agent:2'));
    await kubectl('rollout status daemonset/agent --timeout=60s');
    assert.equal(
      await kubectl('get pods -l app=agent -o jsonpath={.items[*].spec.containers[0].image}'),
      'agent:2 agent:2 agent:2 agent:2',
    );
    await kubectl('rollout undo daemonset/agent');
    await kubectl('rollout status daemonset/agent --timeout=60s');
    await kubectl('taint node sim-3 out=yes:NoExecute');
    await eventually(async () => assert.equal((await podsOf(kubectl, 'app=agent')).length, 3));
    await kubectl('taint node sim-3 out-');
    await kubectl('rollout status daemonset/agent --timeout=60s');
    await kubectl('delete daemonset agent');
  });
});

describe('kubectl drain', () => {
  it('moves pods away, and waits for what a budget guards', async () => {
    const kubectl = await server.inNamespace('drains');
    await apply(kubectl, deployment('web', 3, { nodeSelector: { 'topology.kubernetes.io/zone': 'z0' } }));
    await kubectl('rollout status deployment/web --timeout=60s');
    await kubectl('create pdb web --selector=app=web --max-unavailable=1');
    await eventually(async () => assert.match(await kubectl('get pdb web'), /web +N\/A +1 +1 /));
    await kubectl('drain sim-0 --timeout=60s');
    await kubectl('rollout status deployment/web --timeout=60s');
    const nodes = (await podsOf(kubectl, 'app=web')).map(({ spec }) => spec.nodeName);
    assert.deepEqual(nodes, ['sim-3', 'sim-3', 'sim-3']);
    await kubectl('uncordon sim-0');
    await kubectl('delete deployment web');
  });
});

describe('deletion', () => {
  const heirs = (kubectl: CommandLine): Promise<string> => kubectl('get configmaps -l heir=yes -o name');

  async function makeFamily(namespace: string, count: number): Promise<void> {
    const owner = await machines.client.transport.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/configmaps`,
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner' } },
    });
    const { uid } = (owner as { metadata: { uid: string } }).metadata;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion: true }];
    const one = (index: number): Promise<unknown> =>
      machines.client.transport.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/configmaps`,
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `heir-${index}`, labels: { heir: 'yes' }, ownerReferences },
        },
      });
    for (let first = 0; first < count; first += 50)
      await Promise.all(Array.from({ length: Math.min(50, count - first) }, (_, index) => one(first + index)));
  }

  it('reaches 1,000 dependents in the background', async () => {
    const kubectl = await server.inNamespace('heirs');
    await makeFamily('heirs', HEIRS);
    assert.equal((await heirs(kubectl)).trim().split('\n').length, HEIRS);
    await kubectl('delete configmap owner --wait=false');
    await eventually(async () => assert.equal(await heirs(kubectl), ''), { timeoutMs: 60_000 });
  });

  it('takes the dependents first in the foreground', async () => {
    const kubectl = await server.inNamespace('first');
    await makeFamily('first', 20);
    await kubectl(`patch configmap heir-3 -p '{"metadata":{"finalizers":["example.com/wait"]}}'`);
    await kubectl('delete configmap owner --cascade=foreground --wait=false');
    await eventually(async () => assert.equal(await heirs(kubectl), 'configmap/heir-3\n'));
    assert.equal(await kubectl('get configmap owner -o jsonpath={.metadata.finalizers}'), '["foregroundDeletion"]');
    await kubectl(`patch configmap heir-3 -p '{"metadata":{"finalizers":null}}'`);
    await kubectl('wait --for=delete configmap/owner --timeout=30s');
  });

  it('leaves the dependents alone where they are to become orphans', async () => {
    const kubectl = await server.inNamespace('orphans');
    await makeFamily('orphans', 20);
    await kubectl('delete configmap owner --cascade=orphan');
    assert.equal((await heirs(kubectl)).trim().split('\n').length, 20);
    assert.equal(await kubectl('get configmap heir-7 -o jsonpath={.metadata.ownerReferences}'), '');
  });

  it('empties a namespace, and says what it waits for', async () => {
    const kubectl = await server.inNamespace('ends');
    await apply(kubectl, deployment('web', 3));
    await kubectl('rollout status deployment/web --timeout=60s');
    await kubectl(`create configmap held`);
    await kubectl(`patch configmap held -p '{"metadata":{"finalizers":["example.com/wait"]}}'`);
    await server.kubectl('delete namespace ends --wait=false');
    await eventually(async () => {
      const { status } = JSON.parse(await server.kubectl('get namespace ends -o json'));
      const why = status.conditions?.find(({ type }: { type: string }) => type === 'NamespaceFinalizersRemaining');
      assert.equal(
        why?.message,
        'Some content in the namespace has finalizers remaining: example.com/wait in 1 resource instances',
      );
    });
    await kubectl(`patch configmap held -p '{"metadata":{"finalizers":null}}'`);
    await server.kubectl('wait --for=delete namespace/ends --timeout=60s');
  });
});

describe('a machine that is not heard of', () => {
  it('is told to be unknown, and its pods come up elsewhere', async () => {
    const kubectl = await server.inNamespace('losses');
    const tolerations = ['not-ready', 'unreachable'].map((name) => ({
      key: `node.kubernetes.io/${name}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 1,
    }));
    await apply(kubectl, deployment('web', 8, { tolerations, terminationGracePeriodSeconds: 1 }));
    await kubectl('rollout status deployment/web --timeout=60s');
    machines.silence('sim-1');
    await kubectl('wait node/sim-1 --for=condition=Ready=Unknown --timeout=90s');
    const { status } = JSON.parse(await kubectl('get node sim-1 -o json'));
    const ready = status.conditions.find(({ type }: { type: string }) => type === 'Ready');
    assert.deepEqual([ready.reason, ready.message], ['NodeStatusUnknown', 'Kubelet stopped posting node status.']);
    await eventually(async () => {
      const { taints } = JSON.parse(await kubectl('get node sim-1 -o json')).spec;
      assert.deepEqual(taints?.map(({ key, effect }: { key: string; effect: string }) => `${key}:${effect}`).sort(), [
        'node.kubernetes.io/unreachable:NoExecute',
        'node.kubernetes.io/unreachable:NoSchedule',
      ]);
    });
    await eventually(async () => {
      const pods = await podsOf(kubectl, 'app=web');
      const serving = pods.filter(
        ({ metadata, spec: { nodeName } }) => !metadata.deletionTimestamp && nodeName !== 'sim-1',
      );
      assert.equal(serving.filter(({ status: { phase } }) => phase === 'Running').length, 8);
    });
    const lost = (await podsOf(kubectl, 'app=web')).filter(({ spec: { nodeName } }) => nodeName === 'sim-1');
    assert.ok(lost.length > 0);
    for (const pod of lost) {
      const target = pod.status.conditions?.find(({ type }) => type === 'DisruptionTarget');
      assert.equal(target?.reason, 'DeletionByTaintManager');
    }
    await eventually(async () =>
      assert.match(
        await kubectl('get events -A'),
        /TaintManagerEviction +pod\/web-\S+ +Marking for deletion Pod losses\/web-/,
      ),
    );
    machines.revive('sim-1');
    await eventually(async () => {
      assert.equal(await kubectl('get node sim-1 -o jsonpath={.spec.taints}'), '');
      assert.equal((await podsOf(kubectl, 'app=web')).length, 8);
    });
  });
});
