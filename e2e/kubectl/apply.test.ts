/** kubectl apply in both its forms, and what goes with it: diff, replace, edit, kustomize, delete. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

const configMap = (name: string, data?: object, labels?: object): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data });

const deployment = (containers: readonly object[], replicas?: number): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers } },
    },
  });

let server: WarrenServer;
/** An editor that runs a script of sed over the file, as kubectl is told of it. */
const edits = (script: string): Record<string, string> => ({ KUBE_EDITOR: `${server.folder}/editor`, EDIT: script });
before(async () => {
  server = await startWarrenServer();
  writeFileSync(join(server.folder, 'editor'), '#!/bin/sh\nexec sed -i "$EDIT" "$1"\n', { mode: 0o755 });
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

describe('kubectl apply', () => {
  let kubectl: CommandLine;
  const apply = async (input: string, flags = ''): Promise<string> => await kubectl(`apply ${flags} -f -`, { input });
  before(async () => {
    kubectl = await server.inNamespace('client-side');
  });

  it('tells what was created, configured and left as it was', async () => {
    assert.equal(await apply(configMap('settings', { a: '1' })), 'configmap/settings created\n');
    assert.equal(await apply(configMap('settings', { a: '1' })), 'configmap/settings unchanged\n');
    assert.equal(await apply(configMap('settings', { a: '2' })), 'configmap/settings configured\n');
  });

  it('removes what was applied before and is gone, and keeps what others have added', async () => {
    const web = { name: 'web', image: 'web:1', env: [{ name: 'A', value: '1' }], ports: [{ containerPort: 80 }] };
    await apply(deployment([web, { name: 'old', image: 'old:1' }], 3));
    await kubectl('scale deployment/web --replicas=5');
    await kubectl('set env deployment/web OTHER=yes -c web');
    await apply(deployment([{ ...web, env: [], image: 'web:2' }]));
    const { spec } = JSON.parse(await kubectl('get deployment web -o json'));
    assert.equal(spec.replicas, 1, 'a field that was applied and is left out goes back to its default');
    assert.deepEqual(
      spec.template.spec.containers.map(({ name, image, env, ports }: Record<string, unknown>) => ({
        name,
        image,
        env,
        ports,
      })),
      [
        {
          name: 'web',
          image: 'web:2',
          env: [{ name: 'OTHER', value: 'yes' }],
          ports: [{ containerPort: 80, protocol: 'TCP' }],
        },
      ],
    );
  });

  it('keeps what it last applied, shows it and takes another', async () => {
    assert.match(await kubectl('apply view-last-applied configmap/settings'), /data:\n {2}a: "2"\n/);
    const input = configMap('settings', { a: '3' });
    assert.equal(await kubectl('apply set-last-applied -f -', { input }), 'configmap/settings configured\n');
    assert.match(await kubectl('apply view-last-applied configmap/settings -o json'), /"a": "3"/);
    const env = edits('s/"3"/"4"/');
    assert.equal(await kubectl('apply edit-last-applied configmap/settings', { env }), 'configmap/settings edited\n');
    assert.match(await kubectl('apply view-last-applied configmap/settings'), /a: "4"/);
  });

  it('only tries on the server with --dry-run=server', async () => {
    assert.equal(
      await apply(configMap('tried', { a: '1' }), '--dry-run=server'),
      'configmap/tried created (server dry run)\n',
    );
    await assert.rejects(kubectl('get configmap tried'), /configmaps "tried" not found/);
    await assert.rejects(
      apply(deployment([{ name: 'Wrong_Name', image: 'a' }]), '--dry-run=server'),
      /spec\.template\.spec\.containers\[\d\]\.name: Invalid value: "Wrong_Name"/,
    );
  });

  it('is refused unknown fields, or warned of them', async () => {
    const wrong = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"odd"},"dat":{}}';
    await assert.rejects(
      apply(wrong),
      /Error from server \(BadRequest\): error when creating "STDIN": ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dat"/,
    );
    const args = ['-n', 'client-side', 'apply', '--validate=warn', '-f', '-'];
    const { stderr, stdout, code } = await server.kubectlRun(args, { input: wrong });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'configmap/odd created\n');
    assert.match(stderr, /Warning: unknown field "dat"/);
    assert.equal(await apply(configMap('quiet'), '--validate=ignore'), 'configmap/quiet created\n');
  });

  it('prunes what carries the label and is no longer listed', async () => {
    const both = ['one', 'two'].map((name) => configMap(name, undefined, { set: 'pruned' })).join('\n---\n');
    await apply(both);
    const out = await apply(
      configMap('one', undefined, { set: 'pruned' }),
      '--prune -l set=pruned --prune-allowlist=core/v1/ConfigMap',
    );
    assert.equal(out, 'configmap/one unchanged\nconfigmap/two pruned\n');
    await assert.rejects(kubectl('get configmap two'), /not found/);
  });

  it('prunes by an apply set', async () => {
    const env = { KUBECTL_APPLYSET: 'true' };
    const flags = '--prune --applyset=secret/members';
    const line = `apply ${flags} -f -`;
    await kubectl(line, { env, input: `${configMap('three')}\n---\n${configMap('four')}` });
    const out = await kubectl(line, { env, input: configMap('three') });
    assert.match(out, /configmap\/four pruned/);
    assert.match(
      await kubectl('get secret members -o yaml'),
      /applyset\.kubernetes\.io\/contains-group-kinds: ConfigMap/,
    );
    assert.equal(
      await kubectl('get configmap -l applyset.kubernetes.io/part-of -o name'),
      'configmap/three\n',
      'members are found by the label that names their set',
    );
  });

  it('goes over to the server side without losing a field', async () => {
    await apply(configMap('moved', { a: '1', b: '2' }));
    assert.equal(await apply(configMap('moved', { a: '1' }), '--server-side'), 'configmap/moved serverside-applied\n');
    const { data, metadata } = JSON.parse(await kubectl('get configmap moved -o json --show-managed-fields'));
    assert.deepEqual(data, { a: '1' });
    // kubectl keeps the annotation of the client-side form up to date, under a manager of its own.
    const managers: string[] = metadata.managedFields.map(
      ({ manager, operation }: Record<string, string>) => `${manager} ${operation}`,
    );
    assert.deepEqual(managers.sort(), ['kubectl Apply', 'kubectl-last-applied Apply']);
  });
});

describe('kubectl apply --server-side', () => {
  let kubectl: CommandLine;
  const apply = async (input: string, flags = ''): Promise<string> =>
    await kubectl(`apply --server-side ${flags} -f -`, { input });
  before(async () => {
    kubectl = await server.inNamespace('server-side');
  });

  it('tells of a conflict with the other manager and the field, and can be forced', async () => {
    await apply(configMap('shared', { a: '1' }), '--field-manager=anna');
    await assert.rejects(
      apply(configMap('shared', { a: '2' }), '--field-manager=bert'),
      /Apply failed with 1 conflict: conflict with "anna": \.data\.a\n/,
    );
    const forced = await apply(configMap('shared', { a: '2' }), '--field-manager=bert --force-conflicts');
    assert.equal(forced, 'configmap/shared serverside-applied\n');
    const { metadata } = JSON.parse(await kubectl('get configmap shared -o json --show-managed-fields'));
    const owners = metadata.managedFields.filter(({ fieldsV1 }: { fieldsV1: Record<string, object> }) =>
      Object.hasOwn(fieldsV1['f:data'] ?? {}, 'f:a'),
    );
    assert.deepEqual(
      owners.map(({ manager }: { manager: string }) => manager),
      ['bert'],
    );
  });

  it('lets two managers each have their containers', async () => {
    await apply(deployment([{ name: 'web', image: 'web:1' }]), '--field-manager=anna');
    await apply(deployment([{ name: 'side', image: 'side:1' }]), '--field-manager=bert');
    const names = 'jsonpath={.spec.template.spec.containers[*].name}';
    assert.equal(await kubectl(`get deployment web -o ${names}`), 'web side');
    await apply(deployment([{ name: 'other', image: 'other:1' }]), '--field-manager=bert');
    assert.equal(await kubectl(`get deployment web -o ${names}`), 'web other');
  });

  it('only tries with --dry-run=server', async () => {
    assert.equal(
      await apply(configMap('tried'), '--dry-run=server'),
      'configmap/tried serverside-applied (server dry run)\n',
    );
    await assert.rejects(kubectl('get configmap tried'), /not found/);
  });
});

describe('kubectl diff, replace and edit', () => {
  let kubectl: CommandLine;
  before(async () => {
    kubectl = await server.inNamespace('changes');
    await kubectl('apply -f -', { input: configMap('settings', { a: '1' }) });
  });

  it('shows what an apply would change, and nothing where nothing would', async () => {
    assert.equal(await kubectl('diff -f -', { input: configMap('settings', { a: '1' }) }), '');
    for (const flags of ['', '--server-side']) {
      await assert.rejects(
        kubectl(`diff ${flags} -f -`, { input: configMap('settings', { a: '2' }) }),
        (error: Error) => /ended with 1\n[\s\S]*\n- {2}a: "1"\n\+ {2}a: "2"\n/.test(error.message),
      );
    }
    await assert.rejects(
      kubectl('diff -f -', { input: configMap('fresh') }),
      /ended with 1\n[\s\S]*\n\+kind: ConfigMap/,
    );
  });

  it('replaces an object, and with --force makes it anew', async () => {
    const uid = await kubectl('get configmap settings -o jsonpath={.metadata.uid}');
    const input = configMap('settings', { b: '2' });
    assert.equal(await kubectl('replace -f -', { input }), 'configmap/settings replaced\n');
    assert.equal(await kubectl('get configmap settings -o jsonpath={.data}'), '{"b":"2"}');
    assert.equal(await kubectl('get configmap settings -o jsonpath={.metadata.uid}'), uid);
    assert.match(
      await kubectl('replace --force -f -', { input }),
      /"settings" deleted.*\nconfigmap\/settings replaced\n$/,
    );
    assert.notEqual(await kubectl('get configmap settings -o jsonpath={.metadata.uid}'), uid);
  });

  it('is refused to replace what has changed meanwhile', async () => {
    const old = await kubectl('get configmap settings -o json');
    await kubectl('label configmap settings fresh=yes');
    await assert.rejects(
      kubectl('replace -f -', { input: old }),
      /Error from server \(Conflict\): error when replacing "STDIN": Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your changes to the latest version and try again/,
    );
    await assert.rejects(
      kubectl('replace -f -', { input: configMap('absent') }),
      /Error from server \(NotFound\): error when replacing "STDIN": configmaps "absent" not found/,
    );
  });

  it('edits an object in the editor of the user', async () => {
    const edit = async (script: string): Promise<string> =>
      await kubectl('edit configmap settings', { env: edits(script) });
    assert.equal(await edit('s/b:/c:/'), 'configmap/settings edited\n');
    assert.equal(await kubectl('get configmap settings -o jsonpath={.data}'), '{"c":"2"}');
    const unchanged = await server.kubectlRun(['-n', 'changes', 'edit', 'configmap', 'settings'], {
      env: { KUBE_EDITOR: 'true' },
    });
    assert.match(unchanged.stderr + unchanged.stdout, /Edit cancelled, no changes made/);
  });

  it('edits a subresource', async () => {
    await kubectl('create deployment idle --image=idle:1 --replicas=0');
    const env = edits('s/^status:/&\\n  collisionCount: 3/');
    assert.equal(await kubectl('edit deployment idle --subresource=status', { env }), 'deployment.apps/idle edited\n');
    assert.equal(await kubectl('get deployment idle -o jsonpath={.status.collisionCount}'), '3');
  });
});

describe('kubectl kustomize', () => {
  it('builds, applies and deletes a folder', async () => {
    const kubectl = await server.inNamespace('custom');
    const folder = join(server.folder, 'custom');
    mkdirSync(folder);
    writeFileSync(join(folder, 'config.yaml'), configMap('settings', { a: '1' }));
    writeFileSync(
      join(folder, 'kustomization.yaml'),
      'namePrefix: my-\nresources: [config.yaml]\nlabels: [{pairs: {made: here}}]\nconfigMapGenerator: [{name: made, literals: [k=v]}]\n',
    );
    assert.match(await kubectl('kustomize custom'), /name: my-made-[a-z0-9]{10}\n/);
    assert.match(
      await kubectl('apply -k custom'),
      /^configmap\/my-made-[a-z0-9]{10} created\nconfigmap\/my-settings created\n$/,
    );
    assert.equal((await kubectl('get configmap -l made=here -o name')).split('\n')[1], 'configmap/my-settings');
    assert.match(await kubectl('delete -k custom'), /configmap "my-settings" deleted/);
  });
});

describe('kubectl with folders', () => {
  it('applies all that lies below one, definitions and their objects too, and deletes it again', async () => {
    const kubectl = await server.inNamespace('folders');
    const folder = join(server.folder, 'folders');
    mkdirSync(join(folder, 'below'), { recursive: true });
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'notes.folders.example' },
      spec: {
        group: 'folders.example',
        scope: 'Namespaced',
        names: { kind: 'Note', plural: 'notes' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    };
    writeFileSync(join(folder, 'a.yaml'), `${configMap('one')}\n---\n${configMap('two')}\n---\n# nothing\n`);
    writeFileSync(join(folder, 'below', 'b.json'), JSON.stringify(crd));
    assert.equal(
      await kubectl('apply -R -f folders'),
      'configmap/one created\nconfigmap/two created\ncustomresourcedefinition.apiextensions.k8s.io/notes.folders.example created\n',
    );
    await kubectl('wait crd/notes.folders.example --for=condition=Established --timeout=10s');
    const note = JSON.stringify({ apiVersion: 'folders.example/v1', kind: 'Note', metadata: { name: 'n' } });
    assert.equal(await kubectl('apply -f -', { input: note }), 'note.folders.example/n created\n');
    assert.equal(await kubectl('apply -f -', { input: note }), 'note.folders.example/n unchanged\n');
    assert.equal((await kubectl('delete -R -f folders --timeout=30s')).match(/ deleted/g)?.length, 3);
  });
});

describe('kubectl delete', () => {
  let kubectl: CommandLine;
  before(async () => {
    kubectl = await server.inNamespace('removals');
  });
  const parent = async (name: string): Promise<void> => {
    await kubectl(`create deployment ${name} --image=a --replicas=1`);
    await kubectl(`wait --for=create replicaset -l app=${name} --timeout=30s`);
    await kubectl(`wait --for=create pod -l app=${name} --timeout=30s`);
  };

  it('takes the children along, after the parent or before it', async () => {
    for (const mode of ['background', 'foreground']) {
      await parent(mode);
      assert.match(
        await kubectl(`delete deployment ${mode} --cascade=${mode}`),
        new RegExp(`deployment.apps "${mode}" deleted`),
      );
      await kubectl(`wait --for=delete replicaset -l app=${mode} --timeout=30s`);
      await kubectl(`wait --for=delete pod -l app=${mode} --timeout=30s`);
    }
  });

  it('leaves the children behind with --cascade=orphan', async () => {
    await parent('orphan');
    await kubectl('delete deployment orphan --cascade=orphan');
    const left = await kubectl('get replicaset -l app=orphan -o jsonpath={.items[*].metadata.ownerReferences}');
    assert.equal(left, '');
    assert.match(await kubectl('delete replicaset -l app=orphan'), /replicaset\.apps "orphan-\S+" deleted/);
  });

  it('waits for finalizers, or does not with --wait=false', async () => {
    const input = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', finalizers: ['example.com/hold'] },
    });
    await kubectl('create -f -', { input });
    assert.match(await kubectl('delete configmap held --wait=false'), /configmap "held" deleted/);
    assert.notEqual(await kubectl('get configmap held -o jsonpath={.metadata.deletionTimestamp}'), '');
    await assert.rejects(
      kubectl('wait --for=delete configmap/held --timeout=1s'),
      /timed out waiting for the condition/,
    );
    await kubectl(`patch configmap held --type=merge -p '{"metadata":{"finalizers":null}}'`);
    await kubectl('wait --for=delete configmap/held --timeout=10s');
  });

  it('deletes by selector, by field, all of a kind, and only tries with --dry-run=server', async () => {
    for (const name of ['a', 'b', 'c']) await kubectl(`create configmap ${name}`);
    await kubectl('label configmap a b which=two');
    assert.equal((await kubectl('delete configmap -l which=two --dry-run=server')).match(/server dry run/g)?.length, 2);
    assert.equal((await kubectl('delete configmap -l which=two')).match(/deleted/g)?.length, 2);
    assert.match(await kubectl('delete configmap --field-selector metadata.name=c'), /"c" deleted/);
    await kubectl('create configmap last');
    await kubectl('delete configmap --all');
    await kubectl('delete configmap last --ignore-not-found');
    await assert.rejects(
      kubectl('delete configmap last'),
      /Error from server \(NotFound\): configmaps "last" not found/,
    );
  });

  it('gives a pod no time with --grace-period=0 --force', async () => {
    await kubectl('run slow --image=slow:1');
    assert.match(await kubectl('delete pod slow --grace-period=0 --force'), /pod "slow" force deleted/);
    await assert.rejects(kubectl('get pod slow'), /not found/);
  });

  it('deletes a namespace with all that is in it', async () => {
    await kubectl('create namespace short-lived');
    await server.kubectl('create configmap inside -n short-lived');
    assert.match(await kubectl('delete namespace short-lived --timeout=30s'), /namespace "short-lived" deleted/);
    await assert.rejects(server.kubectl('get configmap inside -n short-lived'), /not found/);
  });
});
