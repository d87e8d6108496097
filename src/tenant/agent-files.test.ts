import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { killallScript, uninstallScript } from '../joining/removal-scripts.ts';
import { createAgentFiles } from './agent-files.ts';
import { installScript } from './install-script.ts';

describe('files for machines without another way', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-agent-files-'));
  const state: { server?: Server; url: string } = { url: '' };
  before(async () => {
    mkdirSync(join(folder, 'files'));
    writeFileSync(join(folder, 'files', 'k3s'), 'binary');
    writeFileSync(join(folder, 'secret'), 'secret');
    const tokens = {
      agent: 'agent-pass',
      server: 'server-pass',
      verifyBootstrap: async (token: string) =>
        token === 'abcdef.0123456789abcdef'
          ? { name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] }
          : undefined,
    };
    const registries = join(folder, 'registries.json');
    writeFileSync(registries, JSON.stringify({ '/etc/rancher/k3s/registries.yaml': 'mirrors: {}\n' }));
    const handle = createAgentFiles({ folder: join(folder, 'files'), registries, tokens, client: () => undefined });
    state.server = createServer((request, response) => {
      if (!handle(request, response)) response.writeHead(418).end();
    });
    state.server.listen(0, '127.0.0.1');
    await once(state.server, 'listening');
    state.url = `http://127.0.0.1:${(state.server.address() as AddressInfo).port}`;
  });
  after(() => {
    state.server?.closeAllConnections();
    state.server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const agent = 'node:agent-pass';
  const rows: Record<string, [path: string, user: string | undefined, status: number, body?: string]> = {
    'give the binary to agents': ['/v1-warren/agent/k3s', agent, 200, 'binary'],
    'give it for the token of servers': ['/v1-warren/agent/k3s', 'server:server-pass', 200, 'binary'],
    'give it for a bootstrap token': ['/v1-warren/agent/k3s', 'node:abcdef.0123456789abcdef', 200, 'binary'],
    'give the script': ['/v1-warren/install.sh', agent, 200, installScript],
    'give the registries': ['/v1-warren/registries.sh', agent, 200],
    'give nobody else the registries': ['/v1-warren/registries.sh', undefined, 401],
    'give nothing without a token': ['/v1-warren/agent/k3s', undefined, 401],
    'give nothing for a wrong token': ['/v1-warren/install.sh', 'node:wrong', 401],
    'do not have what is not there': ['/v1-warren/agent/other', agent, 404],
    'never leave their folder': ['/v1-warren/agent/..%2fsecret', agent, 404],
    'never leave their folder by dots': ['/v1-warren/agent/.', agent, 404],
    'leave other paths to others': ['/v1-k3s/config', agent, 418],
  };
  for (const [title, [path, user, status, body]] of Object.entries(rows)) {
    it(title, async () => {
      const headers = user === undefined ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
      const answer = await fetch(state.url + path, { headers });
      const text = await answer.text();
      assert.equal(answer.status, status);
      if (body !== undefined) assert.equal(text, body);
    });
  }

  it('come with a script that a shell takes', () => {
    for (const script of [installScript, killallScript, uninstallScript]) execFileSync('sh', ['-n'], { input: script });
  });
});
