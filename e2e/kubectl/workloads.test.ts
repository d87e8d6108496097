/** What kubectl does with workloads and nodes: rollout, scale, expose, wait, drain, events, certificates. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createCertificateRequest, toRequestPem } from '../../src/pki/certificate-request.ts';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

let server: WarrenServer;
let kubectl: CommandLine;
before(async () => {
  server = await startWarrenServer();
  kubectl = await server.inNamespace('work');
  await server.join('node-a');
  await server.join('node-b');
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

const image = 'jsonpath={.spec.template.spec.containers[0].image}';

describe('kubectl rollout', () => {
  before(async () => {
    await kubectl('create deployment web --image=web:1 --replicas=2 --port=80');
  });

  it('waits until a deployment is there', async () => {
    assert.match(
      await kubectl('rollout status deployment/web --timeout=60s'),
      /deployment "web" successfully rolled out\n$/,
    );
    assert.match(await kubectl('get deployment web'), /web +2\/2 +2 +2 /);
  });

  it('tells of the history, and goes back in it', async () => {
    await kubectl('set image deployment/web web=web:2');
    await kubectl('annotate deployment/web kubernetes.io/change-cause=second');
    await kubectl('rollout status deployment/web --timeout=60s');
    assert.match(
      await kubectl('rollout history deployment/web'),
      /^deployment\.apps\/web \nREVISION +CHANGE-CAUSE\n1 +<none>\n2 +second\n/,
    );
    assert.match(await kubectl('rollout history deployment/web --revision=1'), /Image:\s+web:1\n/);
    assert.equal(await kubectl('rollout undo deployment/web'), 'deployment.apps/web rolled back\n');
    assert.equal(await kubectl(`get deployment web -o ${image}`), 'web:1');
    assert.match(await kubectl('rollout undo deployment/web --to-revision=2'), /rolled back/);
    await kubectl('rollout status deployment/web --timeout=60s');
    assert.equal(await kubectl(`get deployment web -o ${image}`), 'web:2');
    await eventually(async () =>
      assert.match(await kubectl('rollout history deployment/web'), /\n3 +<none>\n4 +second\n/),
    );
  });

  it('makes all pods anew with restart', async () => {
    const before = await kubectl('get pods -l app=web -o name');
    assert.equal(await kubectl('rollout restart deployment/web'), 'deployment.apps/web restarted\n');
    await kubectl('rollout status deployment/web --timeout=60s');
    await eventually(async () => {
      const names = (await kubectl('get pods -l app=web -o name')).trim().split('\n');
      assert.equal(names.length, 2);
      assert.ok(names.every((name) => !before.includes(name)));
    });
  });

  it('changes nothing while it is paused, and all when it goes on', async () => {
    assert.equal(await kubectl('rollout pause deployment/web'), 'deployment.apps/web paused\n');
    await assert.rejects(kubectl('rollout pause deployment/web'), /deployments\.apps "web" is already paused/);
    await kubectl('set image deployment/web web=web:3');
    await eventually(async () =>
      assert.equal(
        await kubectl('get deployment web -o jsonpath={.status.observedGeneration}'),
        await kubectl('get deployment web -o jsonpath={.metadata.generation}'),
      ),
    );
    assert.doesNotMatch(await kubectl('get pods -l app=web -o jsonpath={..image}'), /web:3/);
    assert.equal(await kubectl('rollout resume deployment/web'), 'deployment.apps/web resumed\n');
    await kubectl('rollout status deployment/web --timeout=60s');
    assert.match(await kubectl('get pods -l app=web -o jsonpath={..image}'), /web:3/);
  });

  it('works for stateful and daemon sets', async () => {
    const template = (app: string): object => ({
      metadata: { labels: { app } },
      spec: { containers: [{ name: 'c', image: `${app}:1` }] },
    });
    const sets = [
      { kind: 'StatefulSet', name: 'db', more: { serviceName: 'db', replicas: 2 } },
      { kind: 'DaemonSet', name: 'each', more: {} },
    ].map(({ kind, name, more }) => ({
      apiVersion: 'apps/v1',
      kind,
      metadata: { name },
      spec: { ...more, selector: { matchLabels: { app: name } }, template: template(name) },
    }));
    await kubectl('create -f -', { input: sets.map((set) => JSON.stringify(set)).join('\n---\n') });
    assert.match(
      await kubectl('rollout status statefulset/db --timeout=60s'),
      /partitioned roll out complete|statefulset rolling update complete/,
    );
    assert.match(
      await kubectl('rollout status daemonset/each --timeout=60s'),
      /daemon set "each" successfully rolled out/,
    );
    await kubectl('set image daemonset/each c=each:2');
    await kubectl('rollout status daemonset/each --timeout=60s');
    assert.match(await kubectl('rollout history daemonset/each'), /\n1 +<none>\n2 +<none>\n/);
    await kubectl('rollout undo daemonset/each');
    assert.equal(await kubectl(`get daemonset each -o ${image}`), 'each:1');
    assert.match(await kubectl('get pods -l app=db -o name'), /^pod\/db-0\npod\/db-1\n$/);
    await kubectl('delete statefulset/db daemonset/each --timeout=60s');
  });
});

describe('kubectl scale, autoscale and expose', () => {
  it('scales, and only from the expected size', async () => {
    await kubectl('create deployment sized --image=s:1');
    assert.equal(await kubectl('scale deployment/sized --replicas=3'), 'deployment.apps/sized scaled\n');
    await assert.rejects(
      kubectl('scale deployment/sized --current-replicas=1 --replicas=2'),
      /Expected replicas to be 1, was 3/,
    );
    await kubectl('wait deployment/sized --for=jsonpath={.status.readyReplicas}=3 --timeout=60s');
    await kubectl('scale deployment/sized --replicas=0');
    await kubectl('wait --for=delete pod -l app=sized --timeout=60s');
  });

  it('makes an autoscaler', async () => {
    assert.equal(
      await kubectl('autoscale deployment sized --min=1 --max=5 --cpu=80%'),
      'horizontalpodautoscaler.autoscaling/sized autoscaled\n',
    );
    assert.match(await kubectl('get hpa sized'), /sized +Deployment\/sized +cpu: <unknown>\/80% +1 +5 +/);
  });

  it('puts a service before a deployment, with its pods behind it', async () => {
    assert.equal(
      await kubectl('expose deployment web --port=8080 --target-port=80 --type=NodePort --name=front'),
      'service/front exposed\n',
    );
    assert.match(await kubectl('get service front'), /front +NodePort +10\.43\.\d+\.\d+ +<none> +8080:3\d{4}\/TCP/);
    await eventually(async () =>
      assert.match(await kubectl('get endpoints front'), /front +10\.42\.0\.\d+:80,10\.42\.0\.\d+:80 /),
    );
    await assert.rejects(kubectl('expose deployment web --name=front --port=1'), /services "front" already exists/);
  });
});

describe('kubectl run and wait', () => {
  it('runs a pod and waits for what becomes of it', async () => {
    assert.equal(await kubectl('run lone --image=lone:1 --labels=a=b --env=A=1 --port=80'), 'pod/lone created\n');
    assert.equal(await kubectl('wait pod/lone --for=condition=Ready --timeout=60s'), 'pod/lone condition met\n');
    await kubectl('wait pod/lone --for=jsonpath={.status.phase}=Running --timeout=10s');
    assert.equal(await kubectl('delete pod lone --timeout=60s'), 'pod "lone" deleted from work namespace\n');
  });

  it('waits for what is not there yet, and for what goes away', async () => {
    const made = kubectl('wait configmap/later --for=create --timeout=30s');
    await kubectl('create configmap later');
    assert.equal(await made, 'configmap/later condition met\n');
    const gone = kubectl('wait configmap/later --for=delete --timeout=30s');
    await kubectl('delete configmap later');
    await gone;
    await assert.rejects(
      kubectl('wait configmap/never --for=condition=Ready --timeout=1s'),
      /configmaps "never" not found/,
    );
  });

  it('waits for jobs, and for those that fail', async () => {
    await kubectl('create job good --image=b -- true');
    assert.equal(
      await kubectl('wait job/good --for=condition=Complete --timeout=60s'),
      'job.batch/good condition met\n',
    );
    assert.match(await kubectl('get job good'), /good +Complete +1\/1 /);
    await kubectl('create job bad --image=b -- false');
    await kubectl(`patch job bad --type=merge -p '{"spec":{"backoffLimit":0}}'`);
    assert.equal(await kubectl('wait job/bad --for=condition=Failed --timeout=60s'), 'job.batch/bad condition met\n');
    assert.match(await kubectl('get job bad'), /bad +Failed +0\/1 /);
  });
});

describe('kubectl about nodes', () => {
  it('keeps new pods from a node that is cordoned', async () => {
    assert.equal(await kubectl('cordon node-a'), 'node/node-a cordoned\n');
    assert.match(await kubectl('get node node-a'), /node-a +Ready,SchedulingDisabled /);
    await kubectl('run elsewhere --image=e:1');
    await kubectl('wait pod/elsewhere --for=condition=Ready --timeout=60s');
    assert.equal(await kubectl('get pod elsewhere -o jsonpath={.spec.nodeName}'), 'node-b');
    assert.equal(await kubectl('uncordon node-a'), 'node/node-a uncordoned\n');
  });

  it('taints, and takes taints off', async () => {
    assert.equal(await kubectl('taint node node-a own=1:NoSchedule'), 'node/node-a tainted\n');
    assert.match(await kubectl('describe node node-a'), /^Taints: +own=1:NoSchedule$/m);
    await assert.rejects(kubectl('taint node node-a own=2:NoSchedule'), /already has .* taint|--overwrite is false/);
    assert.equal(await kubectl('taint node node-a own:NoSchedule-'), 'node/node-a untainted\n');
  });

  it('drains a node: its pods go elsewhere, those of daemon sets stay, budgets are kept', async () => {
    await kubectl('create deployment kept --image=k:1 --replicas=2');
    await kubectl('rollout status deployment/kept --timeout=60s');
    await kubectl('create poddisruptionbudget kept --selector=app=kept --min-available=1');
    await kubectl('wait poddisruptionbudget/kept --for=jsonpath={.status.disruptionsAllowed}=1 --timeout=30s');
    await assert.rejects(
      kubectl('drain node-b --timeout=5s'),
      /cannot delete Pods that declare no controller|use --force/,
    );
    const out = await kubectl('drain node-b --ignore-daemonsets --delete-emptydir-data --force --timeout=60s');
    assert.match(out, /evicting pod work\/elsewhere\n/);
    assert.match(out, /node\/node-b drained\n$/);
    assert.equal(await kubectl('get pods -A -o name --field-selector spec.nodeName=node-b'), '');
    await kubectl('rollout status deployment/kept --timeout=60s');
    await kubectl('uncordon node-b');
  });
});

describe('kubectl events', () => {
  it('tells what happened, to one object or of one type', async () => {
    await kubectl('run told --image=t:1');
    await eventually(async () =>
      assert.match(
        await kubectl('events --for pod/told'),
        /Normal +Scheduled +Pod\/told +Successfully assigned work\/told to node-/,
      ),
    );
    await kubectl(`patch pod told --type=merge -p '{"metadata":{"labels":{"x":"y"}}}'`);
    assert.match(
      await kubectl(
        'get events --field-selector reason=Scheduled,involvedObject.name=told -o jsonpath={.items[*].involvedObject.kind}',
      ),
      /^Pod$/,
    );
    assert.match(await kubectl('events --types=Normal --no-headers'), /ScalingReplicaSet/);
    assert.match(
      await kubectl('get events --sort-by=.metadata.creationTimestamp'),
      /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n/,
    );
  });
});

describe('kubectl certificate', () => {
  const request = async (name: string): Promise<void> => {
    const key = createPrivateKey(readFileSync(join(server.folder, 'data/server/tls/client-ca.key')));
    const csr = createCertificateRequest(key, { commonName: name, organizations: ['staff'] });
    const input = JSON.stringify({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: Buffer.from(toRequestPem(csr)).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
        expirationSeconds: 3600,
      },
    });
    await kubectl('create -f -', { input });
  };

  it('approves a request, which is then signed', async () => {
    await request('anna');
    assert.match(
      await kubectl('get csr anna'),
      /anna +\d+s +kubernetes\.io\/kube-apiserver-client +\S+ +60m +Pending\n/,
    );
    assert.match(
      await kubectl('certificate approve anna'),
      /certificatesigningrequest\.certificates\.k8s\.io\/anna approved\n/,
    );
    await eventually(async () => assert.match(await kubectl('get csr anna'), /Approved,Issued/));
    const issued = Buffer.from(await kubectl('get csr anna -o jsonpath={.status.certificate}'), 'base64').toString();
    assert.match(issued, /^-----BEGIN CERTIFICATE-----/);
  });

  it('denies a request for good', async () => {
    await request('bert');
    assert.match(
      await kubectl('certificate deny bert'),
      /certificatesigningrequest\.certificates\.k8s\.io\/bert denied\n/,
    );
    assert.match(await kubectl('get csr bert'), /Denied/);
    await assert.rejects(kubectl('certificate approve bert'), /bert|Denied/);
  });
});
