/** A machine joins a tenant through its one port, and kubectl reaches its pods through the tunnel. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import { clientFor, clientPath, type RunOptions } from './clients.ts';
import { eventually } from './program.ts';
import { startWarrenUp, type WarrenUp } from './warren-up.ts';

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: busybox}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;

for (const generation of ['2021', 'current'] as const) {
  describe(`a machine with an agent of the ${generation} protocol`, () => {
    const nodeName = `vm-${generation}`;
    let host: WarrenUp;
    let url: string;
    let token: string;
    let agent: AgentDouble;
    let kubeconfig: string;
    let kubectl: (args: readonly string[], options?: RunOptions) => Promise<string>;
    const options = (more: object = {}) => ({
      url,
      token,
      nodeName,
      nodeIp: '192.0.2.7',
      generation,
      clock: systemClock,
      ...more,
    });

    before(async () => {
      host = await startWarrenUp();
      kubeconfig = join(host.folder, 'demo.kubeconfig');
      writeFileSync(kubeconfig, await host.warren(['kubeconfig', 'demo']));
      kubectl = clientFor('kubectl', kubeconfig);
      const line = await host.warren(['join', 'demo']);
      url = /K3S_URL='([^']+)'/.exec(line)?.[1] ?? '';
      token = /K3S_TOKEN='([^']+)'/.exec(line)?.[1] ?? '';
    });
    after(async () => {
      await agent?.[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    });

    it('is refused with a wrong token, or with the hash of another authority', async () => {
      await assert.rejects(AgentDouble.join(options({ token: `${token}x` })), /401/);
      const foreign = token.replace(/K10[0-9a-f]{64}/, `K10${'0'.repeat(64)}`);
      await assert.rejects(AgentDouble.join(options({ token: foreign })), /hash does not match/);
    });

    it('joins with the token of the command, and is Ready', async () => {
      agent = await AgentDouble.join(options());
      await eventually(async () => assert.match(await kubectl(['get', 'nodes']), new RegExp(`${nodeName} +Ready`)));
      await eventually(async () => assert.match(await host.kubectl(['get', 'vc', 'demo']), /Ready +1\/1/));
    });

    it('keeps its name from other machines', async () => {
      await assert.rejects(AgentDouble.join(options()), /403.*hash does not match/);
    });

    it('gets pods of a Deployment, and the Service has their addresses', async () => {
      await kubectl(['apply', '-f', '-'], { input: deployment });
      await kubectl(['rollout', 'status', 'deployment/web', '--timeout=30s']);
      await eventually(async () =>
        assert.match(
          await kubectl(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'wide']),
          /8080 +10\.42\.0\.\d+,10\.42\.0\.\d+/,
        ),
      );
    });

    it('shows logs through the tunnel', async () => {
      assert.match(await kubectl(['logs', 'deploy/web']), /^log of default\/web-\S+\/c\n$/);
      assert.ok(agent.kubelet.asked.some((path) => path.startsWith('/containerLogs/default/web-')));
    });

    it('follows logs through the tunnel', async () => {
      const following = spawn(clientPath('kubectl'), ['logs', '-f', 'deploy/web'], {
        env: { ...process.env, KUBECONFIG: kubeconfig },
      });
      let text = '';
      following.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      await eventually(async () => assert.match(text, /^log of default/));
      agent.kubelet.say('said later');
      await eventually(async () => assert.match(text, /said later/));
      following.kill();
    });

    it('runs commands through the tunnel, with stdin and exit codes', async () => {
      const out = await kubectl(['exec', '-i', 'deploy/web', '--', 'cat'], { input: 'one two' });
      assert.equal(out, 'out: one two');
      await assert.rejects(kubectl(['exec', 'deploy/web', '--', 'exit']), /ended with 7/);
    });

    it('is reached by the node proxy', async () => {
      assert.equal(await kubectl(['get', '--raw', `/api/v1/nodes/${nodeName}/proxy/healthz`]), 'ok');
    });

    it('lets proxies into its pods, by port-forward where its generation allows nothing else', async () => {
      const asked = await kubectl(['get', '--raw', '/api/v1/namespaces/default/services/web/proxy/a?b=c']);
      assert.match(asked, /^hello from .*\/a\?b=c\n$/);
    });

    it('lets pods go when they are deleted', async () => {
      await kubectl(['delete', 'deployment/web', '--timeout=30s']);
      await eventually(async () => assert.equal(await kubectl(['get', 'pods', '-o', 'name']), ''));
    });

    it('comes back after it was cut off, under its name and with its password', async () => {
      const { nodePassword } = agent;
      await agent[Symbol.asyncDispose]();
      await assert.rejects(kubectl(['get', '--raw', `/api/v1/nodes/${nodeName}/proxy/healthz`]));
      agent = await AgentDouble.join(options({ nodePassword }));
      await eventually(async () =>
        assert.equal(await kubectl(['get', '--raw', `/api/v1/nodes/${nodeName}/proxy/healthz`]), 'ok'),
      );
    });

    it('gives its name free when its node is deleted', async () => {
      await agent[Symbol.asyncDispose]();
      await kubectl(['delete', 'node', nodeName]);
      agent = await eventually(async () => await AgentDouble.join(options()));
      await eventually(async () => assert.match(await kubectl(['get', 'nodes']), new RegExp(`${nodeName} +Ready`)));
    });
  });
}
