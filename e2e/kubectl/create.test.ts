/** Every generator of kubectl create, and the verbs that change one thing: patch, label, annotate, set. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

let server: WarrenServer;
let kubectl: CommandLine;
before(async () => {
  server = await startWarrenServer();
  kubectl = await server.inNamespace('made');
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

/** What is typed after `kubectl create`; what it prints before ` created`; a path of the object; what is there. */
type Generated = readonly [line: string, name: string, path: string, value: string];

const generators: readonly Generated[] = [
  ['configmap literals --from-literal=a=1 --from-literal=b=2', 'configmap/literals', '.data', '{"a":"1","b":"2"}'],
  ['deployment web --image=web:1 --port=80 --replicas=2', 'deployment.apps/web', '.spec.replicas', '2'],
  [
    'deployment pair --image=a:1 --image=b:1',
    'deployment.apps/pair',
    '.spec.template.spec.containers[*].image',
    'a:1 b:1',
  ],
  ['job once --image=busybox -- true', 'job.batch/once', '.spec.template.spec.containers[0].command', '["true"]'],
  [
    "cronjob nightly --image=busybox --schedule='0 3 * * *' -- date",
    'cronjob.batch/nightly',
    '.spec.schedule',
    '0 3 * * *',
  ],
  ['job now --from=cronjob/nightly', 'job.batch/now', '.metadata.ownerReferences[0].name', 'nightly'],
  [
    "ingress front --class=own --rule='example.com/path*=web:80,tls=cert'",
    'ingress.networking.k8s.io/front',
    '.spec.rules[0].http.paths[0].pathType',
    'Prefix',
  ],
  [
    'poddisruptionbudget budget --selector=app=web --min-available=50%',
    'poddisruptionbudget.policy/budget',
    '.spec.minAvailable',
    '50%',
  ],
  ['quota limits --hard=pods=90,services=30', 'resourcequota/limits', '.spec.hard.pods', '90'],
  [
    'role reader --verb=get,list --resource=pods,deployments.apps --resource-name=one',
    'role.rbac.authorization.k8s.io/reader',
    '.rules[*].apiGroups[*]',
    ' apps',
  ],
  [
    'rolebinding readers --role=reader --serviceaccount=made:robot --user=anna --group=staff',
    'rolebinding.rbac.authorization.k8s.io/readers',
    '.subjects[*].name',
    'anna staff robot',
  ],
  ['serviceaccount robot', 'serviceaccount/robot', '.metadata.name', 'robot'],
  ['secret generic password --from-literal=word=secret', 'secret/password', '.data.word', 'c2VjcmV0'],
  [
    'secret docker-registry pull --docker-server=r.example --docker-username=u --docker-password=p',
    'secret/pull',
    '.type',
    'kubernetes.io/dockerconfigjson',
  ],
  [
    'secret tls pair --cert=data/server/tls/client-ca.crt --key=data/server/tls/client-ca.key',
    'secret/pair',
    '.type',
    'kubernetes.io/tls',
  ],
  ['service clusterip inner --tcp=80:8080', 'service/inner', '.spec.ports[0].targetPort', '8080'],
  ['service clusterip headless --clusterip=None --tcp=80', 'service/headless', '.spec.clusterIP', 'None'],
  ['service nodeport outer --tcp=80 --node-port=30123', 'service/outer', '.spec.ports[0].nodePort', '30123'],
  ['service loadbalancer balanced --tcp=443:8443', 'service/balanced', '.spec.allocateLoadBalancerNodePorts', 'true'],
  ['service externalname away --external-name=example.com', 'service/away', '.spec.externalName', 'example.com'],
];

const clusterGenerators: readonly Generated[] = [
  ['namespace fresh', 'namespace/fresh', '.status.phase', 'Active'],
  [
    'clusterrole watcher --verb=watch --resource=nodes',
    'clusterrole.rbac.authorization.k8s.io/watcher',
    '.rules[0].resources[0]',
    'nodes',
  ],
  [
    'clusterrole health --verb=get --non-resource-url=/own/*',
    'clusterrole.rbac.authorization.k8s.io/health',
    '.rules[0].nonResourceURLs[0]',
    '/own/*',
  ],
  [
    'clusterrolebinding watchers --clusterrole=watcher --group=staff',
    'clusterrolebinding.rbac.authorization.k8s.io/watchers',
    '.roleRef.name',
    'watcher',
  ],
  [
    'priorityclass urgent --value=1000 --preemption-policy=Never',
    'priorityclass.scheduling.k8s.io/urgent',
    '.preemptionPolicy',
    'Never',
  ],
];

describe('kubectl create', () => {
  for (const [line, name, path, value] of [...generators, ...clusterGenerators]) {
    it(`makes what "${line}" asks for`, async () => {
      assert.equal(await kubectl(`create ${line}`), `${name} created\n`);
      assert.equal(await kubectl(`get ${name} -o jsonpath={${path}}`), value);
    });
  }

  it('gives a token for a service account, bound to an object where asked', async () => {
    const token = (await kubectl('create token robot --audience=me --duration=20m')).trim();
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    assert.deepEqual(claims.aud, ['me']);
    assert.equal(claims.sub, 'system:serviceaccount:made:robot');
    assert.equal(claims.exp - claims.iat, 1200);
    const bound = (await kubectl('create token robot --bound-object-kind=Secret --bound-object-name=password')).trim();
    const { 'kubernetes.io': about } = JSON.parse(Buffer.from(bound.split('.')[1] ?? '', 'base64url').toString());
    assert.equal(about.secret.name, 'password');
  });

  it('takes names to be made from a prefix', async () => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'any-' } });
    assert.match(
      await kubectl('create -f -', { input }),
      /^configmap\/any-[bcdfghjklmnpqrstvwxz2456789]{5} created\n$/,
    );
  });

  it('only tries with --dry-run=server, and remembers with --save-config', async () => {
    assert.equal(await kubectl('create configmap tried --dry-run=server -o name'), 'configmap/tried\n');
    await assert.rejects(kubectl('get configmap tried'), /not found/);
    await kubectl('create configmap saved --from-literal=a=1 --save-config');
    assert.match(await kubectl('apply view-last-applied configmap/saved'), /a: "1"/);
  });

  it('tells in words why something cannot be made', async () => {
    await assert.rejects(
      kubectl('create configmap literals'),
      /error: failed to create configmap: configmaps "literals" already exists/,
    );
    await assert.rejects(
      kubectl('create service nodeport other --tcp=80 --node-port=30123'),
      /Service "other" is invalid: spec\.ports\[0\]\.nodePort: Invalid value: 30123: provided port is already allocated/,
    );
    await assert.rejects(
      kubectl('create deployment Wrong --image=a'),
      /failed to create deployment: Deployment\.apps "Wrong" is invalid: \[?metadata\.name: Invalid value: "Wrong": a lowercase RFC 1123 subdomain/,
    );
    await assert.rejects(
      kubectl('create configmap lost -n absent'),
      /error: failed to create configmap: namespaces "absent" not found/,
    );
  });
});

describe('kubectl patch', () => {
  before(async () => {
    await kubectl('create deployment patched --image=one:1 --replicas=0');
  });
  const containers = 'get deployment patched -o jsonpath={.spec.template.spec.containers[*].name}';

  it('merges lists by their keys with a strategic patch', async () => {
    const patch = '{"spec":{"template":{"spec":{"containers":[{"name":"two","image":"two:1"}]}}}}';
    assert.equal(await kubectl(`patch deployment patched -p '${patch}'`), 'deployment.apps/patched patched\n');
    assert.equal(await kubectl(containers), 'two one');
    assert.equal(
      await kubectl(`patch deployment patched -p '${patch}'`),
      'deployment.apps/patched patched (no change)\n',
    );
    const removal = '{"spec":{"template":{"spec":{"containers":[{"name":"one","$patch":"delete"}]}}}}';
    await kubectl(`patch deployment patched -p '${removal}'`);
    assert.equal(await kubectl(containers), 'two');
  });

  it('replaces lists with a merge patch', async () => {
    const patch = '{"spec":{"template":{"spec":{"containers":[{"name":"only","image":"only:1"}]}}}}';
    await kubectl(`patch deployment patched --type=merge -p '${patch}'`);
    assert.equal(await kubectl(containers), 'only');
  });

  it('goes step by step with a JSON patch, and not at all where a test fails', async () => {
    const path = '/spec/template/spec/containers/0/image';
    const step = (image: string): string =>
      `[{"op":"test","path":"${path}","value":"${image}"},{"op":"replace","path":"${path}","value":"only:2"}]`;
    await kubectl(`patch deployment patched --type=json -p '${step('only:1')}'`);
    assert.equal(await kubectl('get deployment patched -o jsonpath={..image}'), 'only:2');
    await assert.rejects(
      kubectl(`patch deployment patched --type=json -p '${step('only:1')}'`),
      /The request is invalid: the server rejected our request due to an error in our request/,
    );
  });

  it('reaches the subresources', async () => {
    const patch = '{"status":{"conditions":[{"type":"Own","status":"True"}]},"spec":{"replicas":9}}';
    await kubectl(`patch deployment patched --subresource=status --type=merge -p '${patch}'`);
    const shown = await kubectl(
      'get deployment patched -o jsonpath=\'{.spec.replicas}{.status.conditions[?(@.type=="Own")].status}\'',
    );
    assert.equal(shown, '0True');
    await kubectl(`patch deployment patched --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'`);
    assert.equal(await kubectl('get deployment patched --subresource=scale -o jsonpath={.spec.replicas}'), '2');
  });

  it('is told what is wrong with the result', async () => {
    await assert.rejects(
      kubectl(`patch deployment patched -p '{"spec":{"replicas":-1}}'`),
      /The Deployment "patched" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
    );
    await assert.rejects(
      kubectl(`patch deployment patched --type=merge -p '{"spec":{"selector":{"matchLabels":{"app":"x"}}}}'`),
      /spec\.selector: Invalid value: .*: field is immutable/,
    );
  });
});

describe('kubectl label and annotate', () => {
  before(async () => {
    await kubectl('create configmap marked');
  });

  for (const [verb, done] of [
    ['label', 'labeled'],
    ['annotate', 'annotated'],
  ] as const) {
    const field = verb === 'label' ? 'labels' : 'annotations';
    it(`adds, changes and removes with ${verb}`, async () => {
      const shown = async (): Promise<string> => await kubectl(`get configmap marked -o jsonpath={.metadata.${field}}`);
      assert.equal(await kubectl(`${verb} configmap marked a=1 example.com/b=2`), `configmap/marked ${done}\n`);
      await assert.rejects(kubectl(`${verb} configmap marked a=3`), /--overwrite is false/);
      await kubectl(`${verb} configmap marked a=3 --overwrite`);
      assert.equal(await shown(), '{"a":"3","example.com/b":"2"}');
      assert.match(await kubectl(`${verb} configmap marked --list`), /^a=3$/m);
      await kubectl(`${verb} configmap marked a- example.com/b-`);
      assert.equal(await shown(), '');
    });
  }

  it('is refused values that labels cannot have, and other versions than the asked one', async () => {
    await assert.rejects(
      kubectl(`label configmap marked --overwrite a='not one'`),
      /a valid label must be an empty string or consist of alphanumeric characters/,
    );
    await assert.rejects(
      kubectl('label configmap marked b=1 --resource-version=1'),
      /the object has been modified; please apply your changes to the latest version and try again/,
    );
    assert.match(await kubectl('label configmap --all every=one'), /configmap\/marked labeled/);
    assert.match(await kubectl('get configmap -l every=one -o name'), /configmap\/marked/);
  });
});

describe('kubectl set', () => {
  before(async () => {
    await kubectl('create deployment set --image=one:1 --replicas=0');
  });
  const container = async (field: string): Promise<string> =>
    await kubectl(`get deployment set -o jsonpath={.spec.template.spec.containers[0].${field}}`);

  it('sets images', async () => {
    assert.equal(await kubectl('set image deployment/set one=one:2'), 'deployment.apps/set image updated\n');
    assert.equal(await container('image'), 'one:2');
  });

  it('sets variables, from values and from other objects', async () => {
    assert.equal(await kubectl('set env deployment/set A=1 B=2'), 'deployment.apps/set env updated\n');
    await kubectl('set env deployment/set A- --from=configmap/literals --prefix=MY_');
    assert.match(await kubectl('set env deployment/set --list'), /^# MY_A from configmap literals, key a$/m);
    assert.deepEqual((await container('env[*].name')).split(' ').sort(), ['B', 'MY_A', 'MY_B']);
  });

  it('sets resources', async () => {
    assert.equal(
      await kubectl('set resources deployment/set --limits=cpu=200m,memory=64Mi --requests=cpu=0.1'),
      'deployment.apps/set resource requirements updated\n',
    );
    assert.equal(await container('resources'), '{"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"100m"}}');
    await assert.rejects(
      kubectl('set resources deployment/set --limits=cpu=50m'),
      /Invalid value: "100m": must be less than or equal to cpu limit of 50m/,
    );
  });

  it('sets service accounts, selectors and subjects', async () => {
    assert.equal(
      await kubectl('set serviceaccount deployment/set robot'),
      'deployment.apps/set serviceaccount updated\n',
    );
    const { serviceAccountName, serviceAccount } = JSON.parse(
      await kubectl('get deployment set -o jsonpath={.spec.template.spec}'),
    );
    assert.deepEqual([serviceAccountName, serviceAccount], ['robot', 'robot']);
    assert.equal(await kubectl('set selector service inner app=web'), 'service/inner selector updated\n');
    assert.equal(await kubectl('get service inner -o jsonpath={.spec.selector}'), '{"app":"web"}');
    assert.equal(
      await kubectl('set subject rolebinding readers --user=bert'),
      'rolebinding.rbac.authorization.k8s.io/readers subjects updated\n',
    );
    assert.equal(await kubectl('get rolebinding readers -o jsonpath={.subjects[*].name}'), 'anna staff robot bert');
  });
});

describe('kubectl --dry-run=server', () => {
  const lines: readonly (readonly [line: string, printed: string])[] = [
    ['label deployment tried a=b', 'deployment.apps/tried labeled (server dry run)'],
    ['annotate deployment tried a=b', 'deployment.apps/tried annotated (server dry run)'],
    ['set image deployment/tried one=one:9', 'deployment.apps/tried image updated (server dry run)'],
    ['set env deployment/tried A=b', 'deployment.apps/tried env updated (server dry run)'],
    ['set selector service tried x=y', 'service/tried selector updated (server dry run)'],
    ['scale deployment tried --replicas=7', 'deployment.apps/tried scaled (server dry run)'],
    ['autoscale deployment tried --max=7', 'horizontalpodautoscaler.autoscaling/tried autoscaled (server dry run)'],
    ['expose deployment tried --port=80 --name=other', 'service/other exposed (server dry run)'],
    [`patch deployment tried -p '{"spec":{"replicas":7}}'`, 'deployment.apps/tried patched'],
    ['run tried --image=one:1', 'pod/tried created (server dry run)'],
    ['create job tried --image=one:1', 'job.batch/tried created (server dry run)'],
    ['delete deployment tried', 'deployment.apps "tried" deleted from made namespace (server dry run)'],
  ];
  /** What is there under the names of the lines, and which versions it has. */
  const state = async (): Promise<readonly string[]> => [
    await kubectl('get deployment,service,hpa,pod,job -o name').then(
      (names) => names.match(/\S+\/(tried|other)$/gm)?.join() ?? '',
    ),
    await kubectl('get deployment,service tried -o jsonpath={.items[*].metadata.resourceVersion}'),
  ];
  before(async () => {
    await kubectl('create deployment tried --image=one:1 --replicas=0');
    await kubectl('create service clusterip tried --tcp=80');
    await kubectl('wait deployment/tried --for=condition=Available --timeout=30s');
  });

  for (const [line, printed] of lines) {
    it(`tells what "${line}" would do, and does nothing`, async () => {
      const before = await state();
      assert.equal(await kubectl(`${line} --dry-run=server`), `${printed}\n`);
      assert.deepEqual(await state(), before);
    });
  }
});
