/** Whole stories of workloads, told with kubectl on simulated nodes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';
import { type SimulatedNodes, startSimulatedNodes } from './simulated-nodes.ts';

const FAILING = [7, 23, 41];

let server: WarrenServer;
let machines: SimulatedNodes;
before(async () => {
  server = await startWarrenServer();
  machines = await startSimulatedNodes({
    kubeconfig: server.kubeconfig,
    count: 5,
    exitCode: ({ metadata }) => {
      const index = metadata.labels?.['batch.kubernetes.io/job-completion-index'];
      if (index === undefined) return undefined;
      return metadata.labels?.['batch.kubernetes.io/job-name'] === 'picky' && FAILING.includes(Number(index)) ? 3 : 0;
    },
  });
});
after(async () => {
  await machines[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const json = async (kubectl: CommandLine, what: string) => JSON.parse(await kubectl(`get ${what} -o json`));
const apply = (kubectl: CommandLine, object: object): Promise<string> =>
  kubectl('apply -f -', { input: JSON.stringify(object) });
const template = (app: string, image = `${app}:1`, more: object = {}): object => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'app', image }], terminationGracePeriodSeconds: 1, ...more },
});

describe('a Deployment', () => {
  let kubectl: CommandLine;
  before(async () => {
    kubectl = await server.inNamespace('deployments');
  });

  it('rolls out, and tells of it in conditions and events', async () => {
    await apply(kubectl, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 6,
        selector: { matchLabels: { app: 'web' } },
        strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } },
        template: template('web'),
      },
    });
    await kubectl('rollout status deployment/web --timeout=60s');
    const { status } = await json(kubectl, 'deployment web');
    assert.deepEqual(
      status.conditions.map(({ type, status: value, reason }: Record<string, string>) => [type, value, reason]),
      [
        ['Available', 'True', 'MinimumReplicasAvailable'],
        ['Progressing', 'True', 'NewReplicaSetAvailable'],
      ],
    );
    assert.equal(status.availableReplicas, 6);
    await eventually(async () =>
      assert.match(
        await kubectl('get events --field-selector involvedObject.kind=Deployment'),
        /Normal +ScalingReplicaSet +deployment\/web +Scaled up replica set web-\w+ from 0 to 6/,
      ),
    );
  });

  it('keeps within its limits while the next template comes', async () => {
    let most = 0;
    let least = 6;
    const informers = setInterval(async () => {
      const { status } = await json(kubectl, 'deployment web').catch(() => ({ status: {} }));
      most = Math.max(most, status.replicas ?? 0);
      least = Math.min(least, status.availableReplicas ?? 6);
    }, 50);
    await kubectl('set image deployment/web app=web:2');
    await kubectl('rollout status deployment/web --timeout=60s');
    clearInterval(informers);
    assert.ok(most <= 8, `${most} pods at once`);
    assert.ok(least >= 5, `${least} available pods`);
    const sets = await json(kubectl, 'replicasets');
    assert.deepEqual(sets.items.map(({ spec }: { spec: { replicas: number } }) => spec.replicas).sort(), [0, 6]);
  });

  it('goes back to the template before, under a new revision', async () => {
    await kubectl('rollout undo deployment/web');
    await kubectl('rollout status deployment/web --timeout=60s');
    const { metadata, spec } = await json(kubectl, 'deployment web');
    assert.equal(spec.template.spec.containers[0].image, 'web:1');
    assert.equal(metadata.annotations['deployment.kubernetes.io/revision'], '3');
    const sets = await json(kubectl, 'replicasets');
    assert.equal(sets.items.length, 2);
  });

  it('scales while it is paused, and rolls out once it is resumed', async () => {
    await kubectl('rollout pause deployment/web');
    await kubectl('set image deployment/web app=web:3');
    await kubectl('scale deployment/web --replicas=3');
    await eventually(async () => {
      const { status } = await json(kubectl, 'deployment web');
      assert.deepEqual([status.replicas, status.updatedReplicas ?? 0], [3, 0]);
      const progress = status.conditions.find(({ type }: { type: string }) => type === 'Progressing');
      assert.equal(progress.reason, 'DeploymentPaused');
    });
    await kubectl('rollout resume deployment/web');
    await kubectl('rollout status deployment/web --timeout=60s');
    assert.equal((await json(kubectl, 'deployment web')).status.updatedReplicas, 3);
  });

  it('is work that metrics tell of', async () => {
    const metrics = await kubectl('get --raw /metrics');
    const read = (name: string): number =>
      Number(new RegExp(`^workqueue_${name}{name="deployment"} (\\S+)$`, 'm').exec(metrics)?.[1]);
    assert.ok(read('adds_total') > 10);
    assert.equal(read('depth'), 0);
    assert.ok(read('work_duration_seconds_count') > 10);
    assert.ok(read('retries_total') < read('adds_total'));
    assert.match(metrics, /^workqueue_queue_duration_seconds_bucket{name="replicaset",le="0\.01"} \d+$/m);
  });

  it('says when it does not come on', async () => {
    const patch = { spec: { progressDeadlineSeconds: 2, template: { spec: { nodeSelector: { missing: 'yes' } } } } };
    await kubectl(`patch deployment web -p '${JSON.stringify(patch)}'`);
    await eventually(async () => {
      const run = await server.kubectlRun(['-n', 'deployments', 'rollout', 'status', 'deployment/web', '--timeout=5s']);
      assert.match(run.stderr, /deployment "web" exceeded its progress deadline/);
    });
    const { status } = await json(kubectl, 'deployment web');
    const progress = status.conditions.find(({ type }: { type: string }) => type === 'Progressing');
    assert.deepEqual([progress.status, progress.reason], ['False', 'ProgressDeadlineExceeded']);
    assert.match(progress.message, /^ReplicaSet "web-\w+" has timed out progressing\.$/);
  });
});

describe('a StatefulSet', () => {
  let kubectl: CommandLine;
  const set = (changes: object = {}): object => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      serviceName: 'db',
      replicas: 3,
      selector: { matchLabels: { app: 'db' } },
      template: template('db'),
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
      persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' },
      ...changes,
    },
  });
  before(async () => {
    kubectl = await server.inNamespace('sets');
    for (let index = 0; index < 6; index++) {
      await apply(kubectl, {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: `disk-${index}` },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          persistentVolumeReclaimPolicy: 'Retain',
          hostPath: { path: `/tmp/disk-${index}` },
        },
      });
    }
  });
  const names = async (): Promise<string> => (await kubectl('get pods -o name')).trim().replaceAll('\n', ' ');

  it('starts its pods one after the other, each with a claim', async () => {
    await apply(kubectl, set());
    await kubectl('rollout status statefulset/db --timeout=60s');
    assert.equal(await names(), 'pod/db-0 pod/db-1 pod/db-2');
    const { items } = await json(kubectl, 'pods --sort-by=.status.startTime');
    assert.equal(items[0].metadata.name, 'db-0');
    assert.deepEqual(
      (await json(kubectl, 'pvc')).items.map(({ metadata, status }: Record<string, Record<string, string>>) => [
        metadata?.['name'],
        status?.['phase'],
      ]),
      [0, 1, 2].map((ordinal) => [`data-db-${ordinal}`, 'Bound']),
    );
    await eventually(async () =>
      assert.match(
        await kubectl('get events --field-selector involvedObject.kind=StatefulSet'),
        /SuccessfulCreate +statefulset\/db +Create Pod db-0 in StatefulSet db successful/,
      ),
    );
  });

  it('updates from the end down to the partition, and then the rest', async () => {
    await apply(
      kubectl,
      set({ template: template('db', 'db:2'), updateStrategy: { rollingUpdate: { partition: 2 } } }),
    );
    const images = async (): Promise<string[]> =>
      (await json(kubectl, 'pods')).items.map(
        ({ spec }: { spec: { containers: { image: string }[] } }) => spec.containers[0]?.image,
      );
    await eventually(async () => assert.deepEqual(await images(), ['db:1', 'db:1', 'db:2']));
    assert.match(
      await kubectl('rollout status statefulset/db --timeout=60s'),
      /partitioned roll out complete: 1 new pods have been updated/,
    );
    await apply(kubectl, set({ template: template('db', 'db:2') }));
    await kubectl(`patch statefulset db -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'`);
    await kubectl('rollout status statefulset/db --timeout=60s');
    assert.deepEqual(await images(), ['db:2', 'db:2', 'db:2']);
    const { status } = await json(kubectl, 'statefulset db');
    assert.equal(status.currentRevision, status.updateRevision);
  });

  it('scales up and down, and lets go of the claims of what it took away', async () => {
    await kubectl('scale statefulset db --replicas=5');
    await kubectl('rollout status statefulset/db --timeout=60s');
    await kubectl('scale statefulset db --replicas=1');
    await eventually(async () => {
      assert.equal(await names(), 'pod/db-0');
      assert.equal(await kubectl('get pvc -o name'), 'persistentvolumeclaim/data-db-0\n');
    });
    await kubectl('delete statefulset db');
    await eventually(async () => assert.equal(await kubectl('get pods,pvc -o name'), ''));
  });
});

describe('a Job', () => {
  let kubectl: CommandLine;
  before(async () => {
    kubectl = await server.inNamespace('jobs');
  });
  const job = (name: string, spec: object): object => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app:1' }] } }, ...spec },
  });

  it('completes 50 indexes', async () => {
    await apply(kubectl, job('plain', { completions: 50, parallelism: 10, completionMode: 'Indexed' }));
    await kubectl('wait --for=condition=Complete job/plain --timeout=60s');
    const { status } = await json(kubectl, 'job plain');
    assert.equal(status.succeeded, 50);
    assert.equal(status.completedIndexes, '0-49');
    assert.deepEqual(
      status.conditions.map(({ type, reason }: Record<string, string>) => [type, reason]),
      [
        ['SuccessCriteriaMet', 'CompletionsReached'],
        ['Complete', 'CompletionsReached'],
      ],
    );
    const { items } = await json(kubectl, 'pods -l job-name=plain');
    assert.ok(
      items.every(({ metadata }: { metadata: { finalizers?: string[] } }) => metadata.finalizers === undefined),
    );
  });

  it('gives up indexes that fail, and goes on with all others', async () => {
    await apply(
      kubectl,
      job('picky', { completions: 50, parallelism: 10, completionMode: 'Indexed', backoffLimitPerIndex: 0 }),
    );
    await kubectl('wait --for=condition=Failed job/picky --timeout=60s');
    const { status } = await json(kubectl, 'job picky');
    assert.deepEqual([status.succeeded, status.failed, status.failedIndexes], [47, 3, '7,23,41']);
    assert.equal(status.completedIndexes, '0-6,8-22,24-40,42-49');
    const failed = status.conditions.find(({ type }: { type: string }) => type === 'Failed');
    assert.deepEqual([failed.reason, failed.message], ['FailedIndexes', 'Job has failed indexes']);
  });

  it('is suspended and resumed', async () => {
    await apply(kubectl, job('later', { suspend: true, completions: 2, completionMode: 'Indexed' }));
    await kubectl('wait --for=condition=Suspended job/later --timeout=60s');
    assert.equal(await kubectl('get pods -l job-name=later -o name'), '');
    await kubectl(`patch job later -p '{"spec":{"suspend":false}}'`);
    await kubectl('wait --for=condition=Complete job/later --timeout=60s');
    await eventually(async () => {
      const events = await kubectl('get events --field-selector involvedObject.name=later');
      for (const line of [
        'Suspended +job/later +Job suspended',
        'Resumed +job/later +Job resumed',
        'Completed +job/later +Job completed',
      ])
        assert.match(events, new RegExp(`Normal +${line}`));
    });
  });
});

describe('a ResourceQuota', () => {
  it('refuses what is too much, tells the owner, and lets it go on when there is room', async () => {
    const kubectl = await server.inNamespace('quotas');
    await kubectl('create quota small --hard=pods=2,count/deployments.apps=1');
    await kubectl('create deployment web --image=web:1 --replicas=4');
    await eventually(async () => {
      const { status } = await json(kubectl, 'deployment web');
      const failure = status.conditions.find(({ type }: { type: string }) => type === 'ReplicaFailure');
      assert.match(
        failure.message,
        /forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2$/,
      );
      assert.equal(failure.reason, 'FailedCreate');
    });
    await assert.rejects(
      kubectl('create deployment second --image=web:1'),
      /exceeded quota: small, requested: count\/deployments\.apps=1, used: count\/deployments\.apps=1/,
    );
    assert.match(await kubectl('describe quota small'), /pods +2 +2\n/);
    await kubectl(`patch quota small -p '{"spec":{"hard":{"pods":"10"}}}'`);
    await kubectl('rollout status deployment/web --timeout=60s');
    await kubectl('delete deployment web');
    await eventually(async () => assert.match(await kubectl('describe quota small'), /pods +0 +10\n/));
  });
});
