/** kubectl get in all its forms, describe, explain, and what tells of the server: api-resources, cluster-info. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { clientPath } from '../clients.ts';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

const pod = (name: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: 'seen', name } },
  spec: { containers: [{ name: 'c', image: `${name}:1` }], ...more },
});

let server: WarrenServer;
let kubectl: CommandLine;
before(async () => {
  server = await startWarrenServer();
  kubectl = await server.inNamespace('seen');
  const items = [pod('one'), pod('two', { nodeName: 'far' }), pod('three', { priority: 0 })];
  await kubectl('create -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

describe('kubectl get', () => {
  it('prints a table, wider with -o wide, and without a head where asked', async () => {
    assert.match(
      await kubectl('get pods'),
      /^NAME +READY +STATUS +RESTARTS +AGE\none +0\/1 +Pending +0 +\d+s\nthree .*\ntwo .*\n$/,
    );
    assert.match(
      await kubectl('get pod two -o wide'),
      /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\ntwo +0\/1 +Pending +0 +\d+s +<none> +far +<none> +<none>\n$/,
    );
    assert.match(await kubectl('get pod one --no-headers'), /^one +0\/1/);
  });

  it('shows labels, and labels as columns', async () => {
    assert.match(await kubectl('get pod one --show-labels'), /LABELS\none .* app=seen,name=one\n$/);
    assert.match(await kubectl('get pods -L name,absent'), /AGE +NAME +ABSENT\none .* one +\n/);
    assert.match(await kubectl('get pod one --show-kind'), /\npod\/one /);
  });

  it('prints objects as JSON and YAML, managers hidden unless asked for', async () => {
    const { kind, items } = JSON.parse(await kubectl('get pods -o json'));
    assert.equal(kind, 'List');
    assert.deepEqual(
      items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
      ['one', 'three', 'two'],
    );
    assert.doesNotMatch(await kubectl('get pod one -o yaml'), /managedFields/);
    assert.match(await kubectl('get pod one -o yaml'), /^apiVersion: v1\nkind: Pod\nmetadata:\n/);
    assert.match(await kubectl('get pod one -o yaml --show-managed-fields'), /manager: kubectl-create\n/);
  });

  it('prints names, paths, columns and templates', async () => {
    assert.equal(await kubectl('get pods -o name'), 'pod/one\npod/three\npod/two\n');
    assert.equal(
      await kubectl(`get pods -o 'jsonpath={range .items[*]}{.metadata.name}={.spec.containers[0].image}{"\\n"}{end}'`),
      'one=one:1\nthree=three:1\ntwo=two:1\n',
    );
    assert.match(await kubectl('get pod one -o jsonpath-as-json={.metadata.labels}'), /^\[\n {4}\{\n {8}"app": "seen"/);
    assert.equal(
      await kubectl('get pods -o custom-columns=N:.metadata.name,ON:.spec.nodeName'),
      'N       ON\none     <none>\nthree   <none>\ntwo     far\n',
    );
    assert.equal(
      await kubectl(`get pods -o 'go-template={{range .items}}{{.metadata.name}} {{end}}'`),
      'one three two ',
    );
  });

  it('selects by labels and fields, and tells what cannot be selected', async () => {
    assert.equal(await kubectl(`get pods -o name -l 'name in (one,two),app'`), 'pod/one\npod/two\n');
    assert.equal(await kubectl('get pods -o name -l name!=one'), 'pod/three\npod/two\n');
    assert.equal(await kubectl('get pods -o name --field-selector spec.nodeName=far'), 'pod/two\n');
    assert.equal(
      await kubectl('get pods -o name --field-selector metadata.name!=one,status.phase=Pending'),
      'pod/three\npod/two\n',
    );
    await assert.rejects(
      kubectl('get pods --field-selector spec.hostname=x'),
      /field label not supported: spec\.hostname|"spec\.hostname" is not a known field selector/,
    );
    assert.match(
      (await server.kubectlRun(['get', 'pods', '-n', 'default'])).stderr,
      /^No resources found in default namespace\.\n$/,
    );
  });

  it('sorts, and reads in chunks', async () => {
    assert.equal(
      await kubectl('get pods --sort-by={.spec.containers[0].image} -o name'),
      'pod/one\npod/three\npod/two\n',
    );
    assert.match(await kubectl('get pods --sort-by=.spec.nodeName'), /two .*\n$/);
    const { stderr } = await server.kubectlRun(['-n', 'seen', 'get', 'pods', '--chunk-size=1', '-o', 'name', '-v=6']);
    assert.equal(stderr.match(/limit=1/g)?.length, 3);
  });

  it('reads several kinds, short names and full ones at once', async () => {
    assert.match(
      await kubectl('get po/one sa/default ns/seen -o name'),
      /^pod\/one\nserviceaccount\/default\nnamespace\/seen\n$/,
    );
    assert.match(await kubectl('get all'), /^NAME .*\npod\/one /);
    assert.equal(await kubectl('get deployments.v1.apps -o name'), '');
    await assert.rejects(kubectl('get nothings'), /error: the server doesn't have a resource type "nothings"/);
  });

  it('reads raw paths', async () => {
    assert.equal(await kubectl('get --raw /readyz'), 'ok');
    assert.match(await kubectl('get --raw /readyz?verbose'), /\[\+\]ping ok\n[\s\S]*readyz check passed\n$/);
    assert.equal(JSON.parse(await kubectl('get --raw /version')).major, '1');
  });

  it('watches, beginning with what is there', async () => {
    const watching = spawn(
      clientPath('kubectl'),
      ['-n', 'seen', 'get', 'pods', '--watch', '--output-watch-events', '-l', 'app=watched'],
      { env: { ...process.env, ...server.env } },
    );
    let text = '';
    watching.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    try {
      await kubectl('run watched --image=a -l app=watched');
      await eventually(async () =>
        assert.match(text, /^EVENT +NAME +READY +STATUS +RESTARTS +AGE\nADDED +watched +0\/1 +Pending/),
      );
      await kubectl('label pod watched more=yes');
      await eventually(async () => assert.match(text, /\nMODIFIED +watched/));
      await kubectl('delete pod watched --now');
      await eventually(async () => assert.match(text, /\nDELETED +watched/));
    } finally {
      watching.kill();
    }
  });
});

describe('kubectl describe', () => {
  it('describes a pod with its parts', async () => {
    const text = await kubectl('describe pod two');
    for (const line of [
      /^Name: +two$/m,
      /^Namespace: +seen$/m,
      /^Node: +far\/$/m,
      /^Labels: +app=seen$/m,
      /^ {4}Image: +two:1$/m,
    ]) {
      assert.match(text, line);
    }
    assert.match(text, /^QoS Class: +BestEffort$/m);
    assert.match(text, /^Tolerations: +node\.kubernetes\.io\/not-ready:NoExecute op=Exists for 300s$/m);
  });

  it('describes one of every kind that a cluster has from its start', async () => {
    const lines: Record<string, RegExp> = {
      'namespace seen': /^Status: +Active$/m,
      'service kubernetes -n default': /^IP: +10\.43\.0\.1$/m,
      'endpoints kubernetes -n default': /^Subsets:\n +Addresses: /m,
      'endpointslice kubernetes -n default': /^AddressType: +IPv4$/m,
      'serviceaccount default': /^Name: +default$/m,
      'configmap kube-root-ca.crt': /BEGIN CERTIFICATE/,
      'clusterrole view': /^ +pods +\[\] +\[\] +\[get list watch\]$/m,
      'clusterrolebinding cluster-admin': /Group +system:masters/,
      'priorityclass system-node-critical': /^Value: +2000001000$/m,
      'flowschema exempt': /^Name: +exempt$/m,
      'prioritylevelconfiguration exempt': /^Name: +exempt$/m,
      'apiservice v1.apps': /^Name: +v1\.apps$/m,
      'servicecidr kubernetes': /^CIDRs: +10\.43\.0\.0\/16$/m,
      'ipaddress 10.43.0.1': /Parent Ref/,
    };
    for (const [what, shown] of Object.entries(lines)) assert.match(await kubectl(`describe ${what}`), shown, what);
  });

  it('describes what workloads and rules are made of', async () => {
    await kubectl('create deployment web --image=web:1');
    await kubectl('create cronjob tick --image=a --schedule=@hourly');
    await kubectl('create job once --image=a');
    await kubectl('create quota bounds --hard=pods=9');
    await kubectl('create ingress front --rule=a.example/x=web:80');
    await kubectl('create role reader --verb=get --resource=pods');
    await kubectl('create poddisruptionbudget calm --selector=app=web --max-unavailable=1');
    await kubectl('create secret generic hidden --from-literal=word=secret');
    await kubectl('autoscale deployment web --max=3 --cpu=50%');
    const lines: Record<string, RegExp> = {
      'deployment web': /^StrategyType: +RollingUpdate$[\s\S]*ScalingReplicaSet/m,
      'replicaset -l app=web': /^Controlled By: +Deployment\/web$/m,
      'cronjob tick': /^Schedule: +@hourly$/m,
      'job once': /^Completion Mode: +NonIndexed$/m,
      'quota bounds': /^pods +\d+ +9$/m,
      'ingress front': /a\.example *\n +\/x +web:80/,
      'role reader': /^ +pods +\[\] +\[\] +\[get\]$/m,
      'poddisruptionbudget calm': /^Max unavailable: +1$/m,
      'secret hidden': /^word: +6 bytes$/m,
      'hpa web': /resource cpu on pods +\(as a percentage of request\): +<unknown> \/ 50%/,
    };
    for (const [what, shown] of Object.entries(lines)) {
      await eventually(async () => assert.match(await kubectl(`describe ${what}`), shown, what));
    }
  });
});

describe('kubectl explain', () => {
  it('explains kinds, fields and versions', async () => {
    const text = await kubectl('explain pod');
    assert.match(text, /^KIND: +Pod\nVERSION: +v1\n\nDESCRIPTION:\n/);
    assert.match(text, /^ {2}spec\t<PodSpec>$/m);
    assert.match(
      await kubectl('explain deployment.spec.strategy.type'),
      /^GROUP: +apps\nKIND: +Deployment\n[\s\S]*FIELD: type <string>/,
    );
    assert.match(
      await kubectl('explain hpa --api-version=autoscaling/v2 --recursive'),
      /averageUtilization\t<integer>/,
    );
    await assert.rejects(kubectl('explain pod.spec.nothing'), /error: field "nothing" does not exist/);
  });

  it('explains every kind that it lists', async () => {
    // Its name begins as that of another kind does, and kubectl takes the rest for a field.
    const names = (await kubectl('api-resources -o name'))
      .trim()
      .split('\n')
      .filter((name) => name !== 'events.events.k8s.io');
    assert.match(
      await kubectl('explain events --api-version=events.k8s.io/v1'),
      /^GROUP: +events\.k8s\.io\nKIND: +Event\n/,
    );
    assert.ok(names.length > 60, `${names.length} kinds`);
    for (let at = 0; at < names.length; at += 4) {
      await Promise.all(
        names
          .slice(at, at + 4)
          .map(async (name) => assert.match(await kubectl(`explain ${name}`), /^(GROUP|KIND): /, name)),
      );
    }
  });
});

describe('kubectl about the server', () => {
  it('lists kinds with their short names, scopes, verbs and categories', async () => {
    assert.match(
      await kubectl('api-resources'),
      /^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND\nbindings +v1 +true +Binding\n/,
    );
    assert.match(
      await kubectl('api-resources -o wide --api-group=apps --sort-by=name'),
      /\ndeployments +deploy +apps\/v1 +true +Deployment +create,delete,deletecollection,get,list,patch,update,watch +all\n/,
    );
    assert.doesNotMatch(await kubectl('api-resources --namespaced=false -o name'), /^pods$/m);
    assert.match(await kubectl('api-resources --categories=all -o name'), /^pods$/m);
    assert.doesNotMatch(await kubectl('api-resources --verbs=list,get -o name'), /^bindings$/m);
  });

  it('lists versions of groups', async () => {
    const versions = (await kubectl('api-versions')).trim().split('\n');
    for (const version of ['v1', 'apps/v1', 'autoscaling/v2', 'batch/v1', 'rbac.authorization.k8s.io/v1']) {
      assert.ok(versions.includes(version), version);
    }
  });

  it('tells its address and its version', async () => {
    assert.ok((await kubectl('cluster-info')).includes(server.url));
    assert.match(await kubectl('version'), /\nServer Version: v1\.36\.\d+/);
    assert.match(await kubectl('cluster-info dump --namespaces=seen'), /"kind": "PodList"/);
  });

  it('says clearly that it has no metrics', async () => {
    for (const what of ['pods', 'nodes'])
      await assert.rejects(kubectl(`top ${what}`), /error: Metrics API not available/);
  });
});
