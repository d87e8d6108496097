/** The audit log of a server, as `k3s server` is asked for one: by flags for kube-apiserver. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, startProgram } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

interface Event {
  readonly level: string;
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username?: string };
  readonly objectRef?: { readonly resource: string; readonly name?: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestObject?: { readonly data?: object; readonly metadata?: { readonly managedFields?: unknown } };
  readonly responseObject?: { readonly metadata: { readonly uid?: string; readonly managedFields?: unknown } };
  readonly annotations?: Readonly<Record<string, string>>;
}

const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: RequestResponse
  resources: [{group: "", resources: [configmaps]}]
- level: Request
  users: ["system:serviceaccount:kube-system:replicaset-controller"]
- level: Metadata
  resources: [{group: "", resources: [pods]}]
`;

describe('a server with an audit policy', () => {
  const state: { server?: WarrenServer } = {};
  const server = (): WarrenServer => state.server as WarrenServer;
  let folder = '';
  const events = (): readonly Event[] =>
    readFileSync(join(folder, 'logs', 'audit.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);

  before(async () => {
    state.server = await startWarrenServer(
      [
        '--kube-apiserver-arg=audit-policy-file=policy.yaml',
        '--kube-apiserver-arg=audit-log-path=logs/audit.log',
        '--kube-apiserver-arg=audit-log-maxsize=10',
      ],
      (data) => {
        folder = join(data, '..');
        writeFileSync(join(folder, 'policy.yaml'), policy);
      },
    );
  });
  after(async () => await state.server?.[Symbol.asyncDispose]());

  it('tells what users ask and get, before they have it', async () => {
    await server().kubectl('create configmap seen --from-literal=a=b');
    const found = events().find(({ verb, objectRef }) => verb === 'create' && objectRef?.name === 'seen');
    assert.equal(found?.level, 'RequestResponse');
    assert.equal(found?.stage, 'ResponseComplete');
    assert.equal(found?.responseStatus?.code, 201);
    assert.deepEqual(found?.requestObject?.data, { a: 'b' });
    assert.ok(found?.responseObject?.metadata.uid);
    assert.equal(found?.responseObject?.metadata.managedFields, undefined);
    assert.equal(found?.annotations?.['authorization.k8s.io/decision'], 'allow');
  });

  it('tells what controllers do, under their users', async () => {
    await server().kubectl('create deployment seen --image=i');
    await eventually(async () => {
      const made = events().find(
        ({ verb, user }) => verb === 'create' && user.username?.endsWith(':replicaset-controller'),
      );
      assert.equal(made?.objectRef?.resource, 'pods');
      assert.equal(made?.annotations?.['pod-security.kubernetes.io/enforce-policy'], 'privileged:latest');
    });
    assert.ok(events().some(({ objectRef, level }) => objectRef?.resource === 'pods' && level === 'Metadata'));
    assert.ok(!events().some(({ objectRef }) => objectRef?.resource === 'deployments'), 'which no rule wants');
  });

  it('says what is wrong with a policy, in the words of upstream, and does not start', async () => {
    writeFileSync(join(folder, 'wrong.yaml'), policy.replace('RequestResponse', 'Everything'));
    const args = ['server', '--data-dir=other', '--kube-apiserver-arg=audit-policy-file=wrong.yaml'];
    const supported = '"None", "Metadata", "Request", "RequestResponse"';
    const why = `rules[0].level: Unsupported value: "Everything": supported values: ${supported}: from file wrong.yaml`;
    await assert.rejects(startProgram(args, { cwd: folder, until: /ready at/ }), (error: Error) =>
      error.message.includes(`loading audit policy file: ${why}`),
    );
  });
});
