/** What kubectl does inside pods, through the tunnel: logs, exec, attach, cp, port-forward, debug, proxy. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AgentDouble } from '../../src/testing/agent-double/agent.ts';
import { clientPath, run as runProgram } from '../clients.ts';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

let server: WarrenServer;
let kubectl: CommandLine;
let agent: AgentDouble;
before(async () => {
  server = await startWarrenServer();
  const inside = join(server.folder, 'inside');
  mkdirSync(inside);
  kubectl = await server.inNamespace('live');
  agent = await server.join('node-a', async (words, stdin) => {
    const [program = 'cat', ...args] = words;
    const input = await stdin;
    if (!['tar', 'test', 'cat', 'sh'].includes(program)) {
      return { stdout: Buffer.alloc(0), stderr: Buffer.from(`${program}: not found\n`), code: 127 };
    }
    // The folder of the suite stands for the root of the pod; real tar leaves the first slash out of names, too.
    const relative = args.map((arg) => (arg.startsWith('/') ? arg.slice(1) : arg));
    const options = { input: input.toString('latin1'), encoding: 'latin1', cwd: inside } as const;
    const { stdout, stderr, code } = await runProgram(program, relative, options);
    return { stdout: Buffer.from(stdout, 'latin1'), stderr: Buffer.from(stderr), code };
  });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'two', labels: { app: 'two' } },
    spec: {
      containers: ['one', 'other'].map((name) => ({ name, image: `${name}:1`, ports: [{ containerPort: 80 }] })),
    },
  };
  await kubectl('create -f -', { input: JSON.stringify(pod) });
  await kubectl('create deployment web --image=web:1 --port=80');
  await kubectl('wait pod/two --for=condition=Ready --timeout=60s');
  await kubectl('rollout status deployment/web --timeout=60s');
  await kubectl('expose deployment web --port=80');
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

/** Starts kubectl for something that goes on, and hands over what it says. */
async function during(line: string, saying: RegExp, use: (said: RegExpExecArray) => Promise<void>): Promise<void> {
  const child = spawn(clientPath('kubectl'), ['-n', 'live', ...line.split(' ')], {
    env: { ...process.env, ...server.env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  try {
    await use(
      await eventually(async () => {
        const said = saying.exec(text);
        assert.ok(said, text);
        return said;
      }),
    );
  } finally {
    child.kill();
  }
}

/** The body of a plain GET; waits for all of it. */
function read(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers: { connection: 'close' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    })
      .on('error', reject)
      .end();
  });
}

describe('kubectl logs', () => {
  it('shows the log of a container, of all of them, and of what a selector finds', async () => {
    assert.equal(await kubectl('logs two -c other'), 'log of live/two/other\n');
    assert.deepEqual((await kubectl('logs two --all-containers --prefix')).trim().split('\n').sort(), [
      '[pod/two/one] log of live/two/one',
      '[pod/two/other] log of live/two/other',
    ]);
    assert.equal(await kubectl('logs -l app=two -c one'), 'log of live/two/one\n');
    assert.match(await kubectl('logs deployment/web'), /^log of live\/web-\S+\/web\n$/);
  });

  it('asks the kubelet for no more than the user wants', async () => {
    await kubectl('logs two -c one --tail=5 --timestamps --since=1m --previous --limit-bytes=99');
    const asked = new URL(agent.kubelet.asked.at(-1) ?? '', 'https://kubelet').searchParams;
    const wanted = { tailLines: '5', timestamps: 'true', sinceSeconds: '60', previous: 'true', limitBytes: '99' };
    assert.deepEqual(Object.fromEntries(asked), wanted);
  });

  it('is refused for containers and pods that are not there', async () => {
    await assert.rejects(kubectl('logs two -c third'), /error: container third is not valid for pod two/);
    await assert.rejects(
      kubectl('logs absent'),
      /error from server \(NotFound\): pods "absent" not found in namespace "live"/,
    );
  });
});

describe('kubectl exec, attach and cp', () => {
  it('runs a command, with input, output and its exit code', async () => {
    assert.equal(await kubectl('exec -i two -c other -- cat', { input: 'one two' }), 'one two');
    assert.equal(await kubectl(`exec two -- sh -c 'echo out; echo wrong >&2'`), 'out\n');
    await assert.rejects(
      kubectl(`exec two -- sh -c 'exit 9'`),
      /ended with 9\n[\s\S]*command terminated with exit code 9/,
    );
    await assert.rejects(kubectl('exec two -- nothing'), /nothing: not found/);
    assert.equal(await kubectl('exec -i deployment/web -- cat', { input: 'x' }), 'x');
  });

  it('runs a command over SPDY for those who ask for it', async () => {
    const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' };
    assert.equal(await kubectl('exec -i two -- cat', { input: 'old way', env }), 'old way');
    await assert.rejects(kubectl(`exec two -- sh -c 'exit 3'`, { env }), /ended with 3\n/);
  });

  it('attaches to what runs', async () => {
    assert.equal(await kubectl('attach -i two -c one', { input: 'hello' }), 'hello');
  });

  it('runs a pod for one command, and takes it away after', async () => {
    const line = 'run once --image=busybox --restart=Never --rm -i --quiet --command -- cat';
    assert.equal(await kubectl(line, { input: 'piped' }), 'piped');
    await assert.rejects(kubectl('get pod once'), /not found/);
  });

  it('copies folders in and out', async () => {
    mkdirSync(join(server.folder, 'sent', 'below'), { recursive: true });
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
    writeFileSync(join(server.folder, 'sent', 'below', 'data'), bytes);
    mkdirSync(join(server.folder, 'inside', 'tmp'));
    await kubectl('cp sent two:/tmp/kept -c one');
    assert.deepEqual(readFileSync(join(server.folder, 'inside', 'tmp', 'kept', 'below', 'data')), bytes);
    await kubectl('cp two:/tmp/kept/below/data got -c one');
    assert.deepEqual(readFileSync(join(server.folder, 'got')), bytes);
  });
});

describe('kubectl port-forward', () => {
  for (const target of ['pod/two', 'service/web']) {
    it(`reaches ${target}`, async () => {
      await during(`port-forward ${target} :80`, /Forwarding from 127\.0\.0\.1:(\d+) -> 80\n/, async (said) => {
        const port = Number(said[1]);
        assert.equal(await read(port, '/x'), `hello from 127.0.0.1:${port}/x\n`);
        const both = await Promise.all([read(port, '/1'), read(port, '/2')]);
        assert.deepEqual(
          both,
          ['/1', '/2'].map((path) => `hello from 127.0.0.1:${port}${path}\n`),
        );
      });
    });
  }
});

describe('kubectl debug', () => {
  it('adds a container to a pod that runs, and attaches to it', async () => {
    const line = 'debug two --image=tools:1 --container=look --target=one --profile=general -i -- cat';
    assert.match(await kubectl(line, { input: 'seen' }), /seen$/);
    const [added] = JSON.parse(await kubectl('get pod two -o jsonpath={.spec.ephemeralContainers}'));
    assert.equal(added.name, 'look');
    assert.equal(added.targetContainerName, 'one');
    assert.equal(await kubectl('get pod two -o jsonpath={.status.ephemeralContainerStatuses[0].name}'), 'look');
    assert.equal(await kubectl('logs two -c look'), 'log of live/two/look\n');
  });

  it('copies a pod with another command, and runs one on a node', async () => {
    await kubectl('debug two --copy-to=copy --container=one --profile=general -- sleep 1d');
    assert.equal(await kubectl('get pod copy -o jsonpath={.spec.containers[0].command}'), '["sleep","1d"]');
    assert.match(
      await kubectl('debug node/node-a --image=tools:1 --profile=general -- sleep 1d'),
      /Creating debugging pod node-debugger-node-a-\S+ with container debugger on node node-a\./,
    );
  });
});

describe('kubectl proxy', () => {
  it('serves the API, services and nodes on a port of the machine', async () => {
    await during('proxy --port=0', /Starting to serve on 127\.0\.0\.1:(\d+)\n/, async (said) => {
      const port = Number(said[1]);
      assert.equal(JSON.parse(await read(port, '/api/v1/namespaces/live/pods/two')).metadata.name, 'two');
      assert.match(await read(port, '/api/v1/namespaces/live/services/web/proxy/a?b=c'), /^hello from .*\/a\?b=c\n$/);
      assert.match(await read(port, '/api/v1/namespaces/live/pods/two:80/proxy/'), /^hello from /);
      assert.equal(await read(port, '/api/v1/nodes/node-a/proxy/healthz'), 'ok');
    });
  });
});
