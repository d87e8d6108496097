/** What kubectl auth tells and does, who may do what, and how kubectl sees kinds of custom definitions. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

let server: WarrenServer;
let kubectl: CommandLine;
before(async () => {
  server = await startWarrenServer();
  kubectl = await server.inNamespace('access');
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

const role = (verbs: readonly string[]): string =>
  JSON.stringify({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'reader', namespace: 'access' },
    rules: [{ apiGroups: [''], resources: ['configmaps'], verbs }],
  });

describe('kubectl auth', () => {
  it('tells who is asking', async () => {
    assert.match(
      await kubectl('auth whoami'),
      /^ATTRIBUTE +VALUE\nUsername +system:admin\nGroups +\[system:masters system:authenticated\]\n/,
    );
    const { status } = JSON.parse(await kubectl('auth whoami --as=anna --as-group=staff --as-uid=7 -o json'));
    assert.deepEqual(status.userInfo, { username: 'anna', uid: '7', groups: ['staff', 'system:authenticated'] });
  });

  it('makes roles as they are wished, and only adds to those that are there', async () => {
    const created = await kubectl('auth reconcile -f -', { input: role(['get']) });
    assert.match(created, /role\.rbac\.authorization\.k8s\.io\/reader reconciled\n/);
    await kubectl('auth reconcile -f -', { input: role(['list']) });
    assert.equal(await kubectl('get role reader -o jsonpath={.rules[*].verbs}'), '["get"] ["list"]');
    await kubectl('auth reconcile --remove-extra-permissions -f -', { input: role(['list']) });
    assert.equal(await kubectl('get role reader -o jsonpath={.rules[*].verbs}'), '["list"]');
  });

  it('tells what somebody may do, and all that they may', async () => {
    await kubectl('create rolebinding readers --role=reader --user=anna --serviceaccount=access:robot');
    assert.equal(await kubectl('auth can-i list configmaps --as=anna'), 'yes\n');
    assert.equal(await kubectl('auth can-i list configmaps --as=system:serviceaccount:access:robot'), 'yes\n');
    for (const question of [
      'delete configmaps',
      'list configmaps -A',
      'list secrets',
      'get /metrics',
      'get pods/log',
    ]) {
      await assert.rejects(kubectl(`auth can-i ${question} --as=anna`), /ended with 1\nno\n/, question);
    }
    assert.equal(await kubectl("auth can-i '*' '*'"), 'yes\n');
    assert.match(await kubectl('auth can-i --list --as=anna'), /\nconfigmaps +\[\] +\[\] +\[list\]\n/);
    assert.match(await kubectl('auth can-i --list --as=anna'), /\n +\[\/healthz\] +\[\] +\[get\]\n/);
  });

  it("refuses what is not allowed, in upstream's words", async () => {
    await assert.rejects(
      kubectl('get secrets --as=anna'),
      /Error from server \(Forbidden\): secrets is forbidden: User "anna" cannot list resource "secrets" in API group "" in the namespace "access"\n/,
    );
    await assert.rejects(
      kubectl('delete deployment web --as=anna'),
      /deployments\.apps "web" is forbidden: User "anna" cannot delete resource "deployments" in API group "apps" in the namespace "access"\n/,
    );
    await assert.rejects(
      kubectl('get nodes --as=anna'),
      /nodes is forbidden: User "anna" cannot list resource "nodes" in API group "" at the cluster scope\n/,
    );
    await assert.rejects(
      kubectl('create role strong --verb=* --resource=secrets --as=anna'),
      /cannot create resource "roles" in API group "rbac\.authorization\.k8s\.io"/,
    );
  });

  it('lets nobody give away more than they have', async () => {
    await kubectl('create role keeper --verb=create,update,get --resource=roles.rbac.authorization.k8s.io');
    await kubectl('create rolebinding keepers --role=keeper --user=anna');
    await assert.rejects(
      kubectl('create role strong --verb=get --resource=secrets --as=anna'),
      /user "anna" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
    );
    assert.match(await kubectl('create role same --verb=list --resource=configmaps --as=anna'), /same created/);
  });

  it('lets a service account in with its token', async () => {
    await kubectl('create serviceaccount robot');
    const token = (await kubectl('create token robot')).trim();
    const flags = ['--server', server.url, '--insecure-skip-tls-verify', '--token', token, '-n', 'access'];
    const env = { KUBECONFIG: '/dev/null' };
    assert.match(
      (await server.kubectlRun([...flags, 'get', 'configmaps', '-o', 'name'], { env })).stdout,
      /kube-root-ca\.crt/,
    );
    assert.match(
      (await server.kubectlRun([...flags, 'get', 'pods'], { env })).stderr,
      /User "system:serviceaccount:access:robot" cannot list resource "pods"/,
    );
    const wrong = [...flags.slice(0, 4), `${token}x`, '-n', 'access', 'get', 'configmaps'];
    assert.match(
      (await server.kubectlRun(wrong, { env })).stderr,
      /error: You must be logged in to the server \(Unauthorized\)\n/,
    );
  });
});

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'ferrets.pets.example' },
  spec: {
    group: 'pets.example',
    scope: 'Namespaced',
    names: { kind: 'Ferret', plural: 'ferrets', shortNames: ['fe'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [{ name: 'Colour', type: 'string', jsonPath: '.spec.colour' }],
        selectableFields: [{ jsonPath: '.spec.colour' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A small animal.',
            properties: {
              spec: {
                type: 'object',
                required: ['colour'],
                properties: {
                  colour: { type: 'string', enum: ['brown', 'white'], description: 'Of its fur.' },
                  replicas: { type: 'integer', default: 1, minimum: 0 },
                },
              },
              status: { type: 'object', properties: { replicas: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
};

describe('kubectl with kinds of custom definitions', () => {
  const ferret = (name: string, colour: string): string =>
    JSON.stringify({ apiVersion: 'pets.example/v1', kind: 'Ferret', metadata: { name }, spec: { colour } });
  before(async () => {
    await kubectl('create -f -', { input: JSON.stringify(definition) });
    await kubectl('wait crd/ferrets.pets.example --for=condition=Established --timeout=10s');
  });

  it('lists, explains and describes them as its own', async () => {
    assert.match(
      await kubectl('api-resources --api-group=pets.example'),
      /\nferrets +fe +pets\.example\/v1 +true +Ferret\n/,
    );
    assert.match(
      await kubectl('explain ferret.spec.colour'),
      /FIELD: colour <string>\n(ENUM:\n +brown\n +white\n)?\nDESCRIPTION:\n +Of its fur\./,
    );
    await kubectl('apply -f -', { input: ferret('fred', 'brown') });
    assert.match(await kubectl('get fe'), /^NAME +COLOUR\nfred +brown\n$/);
    assert.match(await kubectl('get all'), /ferret\.pets\.example\/fred/);
    assert.match(await kubectl('describe ferret fred'), /\n {2}Colour: +brown\n {2}Replicas: +1\n/);
  });

  it('selects, scales, patches and deletes them', async () => {
    await kubectl('apply --server-side -f -', { input: ferret('will', 'white') });
    assert.equal(await kubectl('get ferrets -o name --field-selector spec.colour=white'), 'ferret.pets.example/will\n');
    assert.equal(await kubectl('scale ferret/will --replicas=3'), 'ferret.pets.example/will scaled\n');
    assert.equal(await kubectl('get ferret will -o jsonpath={.spec.replicas}'), '3');
    await kubectl(`patch ferret will --type=merge --subresource=status -p '{"status":{"replicas":2}}'`);
    assert.equal(await kubectl('get ferret will --subresource=scale -o jsonpath={.status.replicas}'), '2');
    await assert.rejects(
      kubectl(`patch ferret will -p '{}' --type=strategic`),
      /application\/strategic-merge-patch\+json is not supported by pets\.example\/v1, Kind=Ferret: the body of the request was in an unknown format - accepted media types include: application\/json-patch\+json, application\/merge-patch\+json, application\/apply-patch\+yaml/,
    );
    assert.match(await kubectl('delete ferret will'), /ferret\.pets\.example "will" deleted/);
  });

  it('is refused what the schema does not allow', async () => {
    await assert.rejects(
      kubectl('apply -f -', { input: ferret('odd', 'green') }),
      /The Ferret "odd" is invalid: spec\.colour: Unsupported value: "green": supported values: "brown", "white"/,
    );
    await assert.rejects(
      kubectl('apply -f -', { input: ferret('odd', 'white').replace('"colour"', '"wings":2,"colour"') }),
      /strict decoding error: unknown field "spec\.wings"/,
    );
  });

  it('sees the kind go with its objects', async () => {
    await kubectl('delete crd ferrets.pets.example --timeout=30s');
    assert.equal(await kubectl('api-resources --api-group=pets.example --no-headers --cached=false'), '');
    await assert.rejects(
      kubectl('get ferrets'),
      /the server (could not find the requested resource|doesn't have a resource type)/,
    );
  });
});
