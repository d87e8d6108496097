/** A machine that is shut out is cut off at that moment: its watches, its tunnel, what runs through it, and its pods. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import type { AgentDouble } from '../src/testing/agent-double/agent.ts';
import type { KeyPair } from '../src/testing/agent-double/join.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../src/testing/embedded-postgres.ts';
import { clientPath } from './clients.ts';
import { eventually } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

/** Far less than the ten minutes after which a watch ends by itself. */
const AT_ONCE = { timeoutMs: 5_000, pauseMs: 50 };

interface Open {
  isOver(): boolean;
  close(): void;
}

const kinds: Record<string, { servers: number; skip: string | false }> = {
  'of the one server': { servers: 1, skip: false },
  'of one of two servers, when the other is told': { servers: 2, skip: findPostgres().skip },
};

for (const [title, kind] of Object.entries(kinds)) {
  describe(`a machine ${title}`, { skip: kind.skip }, () => {
    const servers: WarrenServer[] = [];
    const opened: Open[] = [];
    let postgres: EmbeddedPostgres | undefined;
    let own: WarrenServer;
    let other: WarrenServer;
    let agent: AgentDouble;

    before(async () => {
      postgres = kind.servers > 1 ? await startPostgres() : undefined;
      const flags =
        postgres === undefined ? [] : [`--datastore-endpoint=${postgres.endpoint('tenant')}`, '--token=shared'];
      for (let left = kind.servers; left > 0; left--) servers.push(await startWarrenServer(flags));
      own = servers[0] as WarrenServer;
      other = servers.at(-1) as WarrenServer;
      agent = await own.join('stolen');
      await own.join('faithful');
      await own.kubectl('wait --for=create serviceaccount/default --timeout=30s');
      for (const name of ['stolen', 'faithful']) {
        const spec = { nodeName: name, containers: [{ name: 'c', image: 'busybox' }] };
        const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
        await own.kubectl('create -f -', { input: JSON.stringify(pod) });
        await own.kubectl(`wait pod/${name} --for=condition=Ready --timeout=60s`);
      }
    });
    after(async () => {
      for (const each of opened) each.close();
      for (const server of servers) await server[Symbol.asyncDispose]();
      await postgres?.[Symbol.asyncDispose]();
    });

    /** A watch under a certificate or token, once it is open. */
    async function watch(path: string, { cert, key }: Partial<KeyPair>, token?: string): Promise<Open> {
      const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      const asked = request(new URL(`${path}watch=true`, own.url), {
        ca: agent.membership.serverCa,
        cert,
        key,
        headers,
        agent: false,
      });
      const state = { isOver: false };
      asked
        .on('error', () => {})
        .once('close', () => {
          state.isOver = true;
        });
      asked.end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      assert.equal(response.statusCode, 200);
      response.on('error', () => {}).resume();
      const open = { isOver: () => state.isOver, close: () => void asked.destroy() };
      opened.push(open);
      return open;
    }

    /** A kubectl that goes on until it is cut off. */
    function running(server: WarrenServer, args: readonly string[], said: string[] = []): Open {
      const child: ChildProcess = spawn(clientPath('kubectl'), args, { env: { ...process.env, ...server.env } });
      child.stdout?.setEncoding('utf8').on('data', (text: string) => said.push(text));
      const open = { isOver: () => child.exitCode !== null, close: () => void child.kill() };
      opened.push(open);
      return open;
    }

    async function tokenOf(pod: string): Promise<string> {
      const uid = await own.kubectl(`get pod ${pod} -o jsonpath={.metadata.uid}`);
      const bound = `--bound-object-kind=Pod --bound-object-name=${pod} --bound-object-uid=${uid}`;
      return (await own.kubectl(`create token default ${bound}`)).trim();
    }

    it('loses all that it has open, while others keep theirs', async () => {
      await own.kubectl('create clusterrolebinding readers --clusterrole=view --group=system:serviceaccounts');
      const { clientKubelet, clientKubeProxy } = agent.membership;
      const ofNode = '/api/v1/pods?fieldSelector=spec.nodeName%3Dstolen&';
      const [logs, others]: [string[], string[]] = [[], []];
      const cut = {
        'the watch of its kubelet': await watch(ofNode, clientKubelet),
        'the watch of its pod': await watch('/api/v1/namespaces/default/configmaps?', {}, await tokenOf('stolen')),
        'the log that is followed through its tunnel': running(other, ['logs', '-f', 'stolen'], logs),
      };
      const kept = {
        'the watch of its kube-proxy': await watch('/api/v1/services?', clientKubeProxy),
        'the watch of a pod elsewhere': await watch(
          '/api/v1/namespaces/default/configmaps?',
          {},
          await tokenOf('faithful'),
        ),
        'the log that is followed through another tunnel': running(other, ['logs', '-f', 'faithful'], others),
      };
      await eventually(async () => assert.ok(logs.length > 0 && others.length > 0));
      await other.kubectl('-n kube-system create configmap denied-machines --from-literal=stolen=x');
      for (const [what, { isOver }] of Object.entries(cut))
        await eventually(async () => assert.ok(isOver(), `${what} goes on`), AT_ONCE);
      await eventually(async () => {
        const { stderr } = await other.kubectlRun(['get', '--raw', '/api/v1/nodes/stolen/proxy/healthz']);
        assert.match(stderr, /node stolen has no tunnel/);
      }, AT_ONCE);
      for (const [what, { isOver }] of Object.entries(kept)) assert.ok(!isOver(), `${what} was cut`);
      assert.equal(await other.kubectl('get --raw /api/v1/nodes/faithful/proxy/healthz'), 'ok');
    });

    it('does not come back, nor do its pods', async () => {
      const token = await tokenOf('stolen');
      await assert.rejects(
        watch('/api/v1/pods?fieldSelector=spec.nodeName%3Dstolen&', agent.membership.clientKubelet),
        /401/,
      );
      await assert.rejects(watch('/api/v1/namespaces/default/configmaps?', {}, token), /401/);
      // Agents try to open their tunnel again after a second.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      const { stderr } = await other.kubectlRun(['get', '--raw', '/api/v1/nodes/stolen/proxy/healthz']);
      assert.match(stderr, /node stolen has no tunnel/);
    });

    it('loses what it has open by a certificate that is on the list', async () => {
      const { clientKubeProxy } = agent.membership;
      const open = await watch('/api/v1/services?', clientKubeProxy);
      const fingerprint = createHash('sha256').update(new X509Certificate(clientKubeProxy.cert).raw).digest('hex');
      const patch = JSON.stringify({ data: { [`sha256.${fingerprint}`]: '' } });
      await other.kubectlRun(['-n', 'kube-system', 'patch', 'configmap', 'denied-machines', '-p', patch]);
      await eventually(async () => assert.ok(open.isOver()), AT_ONCE);
      await assert.rejects(watch('/api/v1/services?', clientKubeProxy), /401/);
    });

    it('comes back when it is taken off the list', async () => {
      await other.kubectl('-n kube-system delete configmap denied-machines');
      await eventually(async () =>
        assert.equal(await other.kubectl('get --raw /api/v1/nodes/stolen/proxy/healthz'), 'ok'),
      );
    });
  });
}
