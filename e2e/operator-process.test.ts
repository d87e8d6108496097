/** `warren operator` as its pod runs it: with the rights of its service account, two of them, health and metrics. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../src/testing/free-port.ts';
import { eventually, type Program, startProgram } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

const root = join(import.meta.dirname, '..');

interface Operator extends Program {
  readonly health: number;
  readonly metrics: number;
}

describe('two operators on a host cluster', () => {
  const state: { host?: WarrenServer; operators: Operator[] } = { operators: [] };
  const host = (): WarrenServer => state.host as WarrenServer;
  const kubeconfig = (): string => join(host().folder, 'operator.kubeconfig');

  before(async () => {
    state.host = await startWarrenServer();
    await host().kubectl(`apply -k ${join(root, 'config/default')}`);
    await host().kubectl('wait --for=condition=Established crd/virtualclusters.warren.dev --timeout=30s');
    const token = (await host().kubectl('create token warren-operator -n warren-system')).trim();
    const text = readFileSync(host().kubeconfig, 'utf8');
    writeFileSync(
      kubeconfig(),
      text.replace(/^ {4}client-certificate-data:.*\n {4}client-key-data:.*$/m, `    token: ${token}`),
    );
    state.operators = [await startOperator(), await startOperator()];
  });
  after(async () => {
    await Promise.all(state.operators.map((operator) => operator.stop()));
    await state.host?.[Symbol.asyncDispose]();
  });

  async function startOperator(): Promise<Operator> {
    const [health, metrics] = [await freePort(), await freePort()];
    const flags = [
      `--kubeconfig=${kubeconfig()}`,
      '--namespace=warren-system',
      '--image=warren:test',
      '--leader-elect',
    ];
    const program = await startProgram(['operator', ...flags, `--health-port=${health}`, `--metrics-port=${metrics}`], {
      cwd: host().folder,
      until: /operator runs/,
    });
    return { ...program, health, metrics };
  }

  const read = async (port: number, path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  const leads = async ({ metrics }: Operator): Promise<boolean> =>
    /leader_election_master_status\{name="warren-operator"\} 1/.test(await read(metrics, '/metrics'));
  const leaders = async (): Promise<Operator[]> => {
    const found = await Promise.all(
      state.operators.map(async (operator) => ((await leads(operator)) ? [operator] : [])),
    );
    return found.flat();
  };
  const create = (name: string) => {
    const spec = { exposure: { hosts: ['192.0.2.1'] } };
    const object = { apiVersion: 'warren.dev/v1alpha1', kind: 'VirtualCluster', metadata: { name }, spec };
    return host().kubectl('apply -f -', { input: JSON.stringify(object) });
  };
  const made = (name: string) =>
    eventually(async () =>
      assert.match(await host().kubectl(`get secret/${name}-kubeconfig deploy/${name}-server -o name`), /server/),
    );

  it('are healthy both, and one of them leads', async () => {
    await eventually(async () => assert.equal((await leaders()).length, 1));
    for (const { health } of state.operators)
      assert.deepEqual([await read(health, '/healthz'), await read(health, '/readyz')], ['ok', 'ok']);
  });

  it('make a tenant with the rights that the role gives, and measure it', async () => {
    await create('one');
    await made('one');
    const [leader] = await leaders();
    assert.ok(leader);
    await eventually(async () =>
      assert.match(
        await read(leader.metrics, '/metrics'),
        /warren_virtualcluster_phase\{name="one",namespace="default",phase="Provisioning"\} 1/,
      ),
    );
    assert.doesNotMatch(leader.output(), /forbidden/i);
    assert.match(
      await host().kubectl('get events --field-selector involvedObject.name=one'),
      /Created +virtualcluster\/one/,
    );
  });

  it('take over when the one that leads stops', async () => {
    const [leader] = await leaders();
    assert.ok(leader);
    await leader.stop();
    state.operators = state.operators.filter((operator) => operator !== leader);
    await create('two');
    await made('two');
    assert.equal((await leaders()).length, 1);
  });
});
