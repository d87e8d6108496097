/**
 * Much through `kubectl exec` and `kubectl cp`, in both directions, over WebSockets and SPDY, with a side that is slow: all
 * of it arrives, and the server keeps none of it. `WARREN_E2E_COPY_MB` says how much; without it, 256.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import type { LiveProcess } from '../src/testing/agent-double/fake-spdy-server.ts';
import type { TunnelGeneration } from '../src/testing/agent-double/tunnel-client.ts';
import { clientPath } from './clients.ts';
import { eventually } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

const MEGABYTE = 1 << 20;
const TOTAL_BYTES = Number(process.env['WARREN_E2E_COPY_MB'] ?? 256) * MEGABYTE;
/** Before the slow side slows down. */
const EASY_BYTES = 24 * MEGABYTE;
/** What is taken in a tenth of a second by who is slow; agents of 2021 lose their tunnel where that is very little. */
const STEP_BYTES = { '2021': 3 * MEGABYTE, current: MEGABYTE } as const;
const SLOW_BYTES = 24 * MEGABYTE;
/** What may be under way in all programs, pipes and sockets together. */
const MOST_AHEAD_BYTES = 64 * MEGABYTE;
/** What the server may grow by: its limits for one stream, and what is not collected yet. */
const MOST_GROWTH_MB = 128;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes that do not repeat within any buffer. */
function* pieces(bytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes; at += 64 * 1024) {
    const piece = Buffer.alloc(64 * 1024, at % 251);
    piece.writeUIntBE(at, 0, 6);
    yield piece;
  }
}

function digestOfAll(): string {
  const hash = createHash('sha256');
  for (const piece of pieces(TOTAL_BYTES)) hash.update(piece);
  return hash.digest('hex');
}

/** Takes bytes, and slowly for a while: a bit now and then. */
class SlowReader {
  read = 0;
  readonly #hash: Hash = createHash('sha256');
  readonly #given: () => number;
  /** Most that the other end was ahead. */
  ahead = 0;
  #next = EASY_BYTES;

  readonly #step: number;

  /** @param given - Bytes that the other end has given away so far. */
  constructor(given: () => number, generation: TunnelGeneration) {
    this.#given = given;
    this.#step = STEP_BYTES[generation];
  }

  async take(chunk: Buffer): Promise<void> {
    this.read += chunk.length;
    this.#hash.update(chunk);
    this.ahead = Math.max(this.ahead, this.#given() - this.read);
    if (this.read < this.#next || this.read > EASY_BYTES + SLOW_BYTES) return;
    this.#next = this.read + this.#step;
    await wait(100);
    this.ahead = Math.max(this.ahead, this.#given() - this.read);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Writes into a stream no faster than it takes, and counts. */
async function give(to: Writable, count: (bytes: number) => void): Promise<void> {
  for (const piece of pieces(TOTAL_BYTES)) {
    count(piece.length);
    if (!to.write(piece)) await once(to, 'drain');
  }
  to.end();
}

/** What the containers of the double do, and what they have done. */
class Container {
  given = 0;
  sink = new SlowReader(() => 0, 'current');
  readonly children = new Set<ChildProcess>();
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  readonly start = (words: readonly string[]): LiveProcess | undefined => {
    if (words[0] === 'give') return this.#source();
    if (words[0] === 'take') return this.#sink();
    if (words[0] === 'true') return this.#child('true', []);
    // The folder stands for the root of the pod; real tar leaves the first slash out of names, too.
    return this.#child(
      words[0] ?? '',
      words.slice(1).map((word) => (word === '/' ? '.' : word.replace(/^\//, ''))),
    );
  };

  #source(): LiveProcess {
    const source = pieces(TOTAL_BYTES);
    const container = this;
    const stdout = new Readable({
      read() {
        const { value } = source.next();
        if (value !== undefined) container.given += value.length;
        this.push(value ?? null);
      },
    });
    return toLive(new Writable({ write: (_chunk, _encoding, done) => done() }), stdout, once(stdout, 'end'));
  }

  #sink(): LiveProcess {
    const { sink } = this;
    const stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => void sink.take(chunk).then(() => done()),
    });
    return toLive(stdin, Readable.from([]), once(stdin, 'finish'));
  }

  #child(program: string, args: readonly string[]): LiveProcess {
    const child = spawn(program, args, { cwd: this.folder });
    this.children.add(child);
    child.once('close', () => this.children.delete(child));
    child.stdout.on('data', (chunk: Buffer) => {
      this.given += chunk.length;
    });
    child.stdout.pause();
    const exited = once(child, 'close').then(([code]) => Number(code));
    return {
      ...child,
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      exited,
      kill: () => child.kill(),
    };
  }
}

function toLive(stdin: Writable, stdout: Readable, ended: Promise<unknown>): LiveProcess {
  const exited = ended.then(() => 0);
  exited.catch(() => {});
  return { stdin, stdout, stderr: Readable.from([]), exited, kill: () => stdout.destroy() };
}

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** How much more memory than `before` a process has at most while something runs. */
async function growthMb(pid: number, before: number, work: () => Promise<void>): Promise<number> {
  let most = residentMb(pid);
  const timer = setInterval(() => {
    most = Math.max(most, residentMb(pid));
  }, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most - before;
}

const protocols = { WebSockets: 'true', SPDY: 'false' } as const;

describe(`${TOTAL_BYTES / MEGABYTE} MB through exec`, { skip: process.platform !== 'linux' }, () => {
  let server: WarrenServer;
  const agents: AgentDouble[] = [];
  const containers: Record<string, Container> = {};
  const whole = digestOfAll();
  let idleMb = 0;

  before(async () => {
    // As the image runs it.
    server = await startWarrenServer([], () => {}, { MALLOC_ARENA_MAX: '1', NODE_OPTIONS: '--max-semi-space-size=2' });
    const token = readFileSync(join(server.folder, 'data', 'server', 'token'), 'utf8').trim();
    for (const generation of ['2021', 'current'] as const) {
      const folder = join(server.folder, `inside-${generation}`);
      mkdirSync(folder);
      const container = new Container(folder);
      containers[generation] = container;
      const nodeName = `vm-${generation}`;
      const nodeIp = `192.0.2.${agents.length + 1}`;
      const { url } = server;
      const { start } = container;
      agents.push(await AgentDouble.join({ url, token, nodeName, nodeIp, generation, clock: systemClock, start }));
      const spec = { nodeName, containers: [{ name: 'c', image: 'busybox' }] };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: generation.replace('2', 'y2') }, spec };
      await eventually(() => server.kubectl('create -f -', { input: JSON.stringify(pod) }));
      await server.kubectl(`wait pod/${podOf(generation)} --for=condition=Ready --timeout=60s`);
    }
    const file = createWriteStream(join(server.folder, 'big'));
    await pipeline(Readable.from(pieces(TOTAL_BYTES)), file);
    idleMb = residentMb(server.pid);
  });
  after(async () => {
    for (const agent of agents) await agent[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const podOf = (generation: TunnelGeneration): string => generation.replace('2', 'y2');

  const kubectl = (protocol: keyof typeof protocols, args: readonly string[]) => {
    const env = { ...process.env, ...server.env, KUBECTL_REMOTE_COMMAND_WEBSOCKETS: protocols[protocol] };
    const child = spawn(clientPath('kubectl'), args, { cwd: server.folder, env });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    const ended = once(child, 'close').then(([code]) => assert.equal(code, 0, complaint));
    ended.catch(() => {});
    return { child, ended };
  };

  /** Stops a process now and then for most of a second, a few times: it is slow. */
  async function slowDown(find: () => ChildProcess | undefined, signal: AbortSignal): Promise<void> {
    for (let left = 2; left > 0 && !signal.aborted; left--) {
      await wait(150);
      const child = find();
      child?.kill('SIGSTOP');
      await wait(900);
      child?.kill('SIGCONT');
    }
  }

  function report(t: { diagnostic(text: string): void }, grownMb: number, startedMs: number, ahead?: number): void {
    const seconds = (performance.now() - startedMs) / 1000;
    const under = ahead === undefined ? '' : `, ${(ahead / MEGABYTE).toFixed(0)} MB under way at most`;
    t.diagnostic(`${seconds.toFixed(1)} s, the server grew by ${grownMb.toFixed(0)} MB at most${under}`);
  }

  for (const generation of ['2021', 'current'] as const) {
    for (const protocol of ['WebSockets', 'SPDY'] as const) {
      const through = `over ${protocol}, from an agent of the ${generation} protocol`;

      it(`comes out to a reader that is slow, ${through}`, async (t) => {
        const container = containers[generation] as Container;
        container.given = 0;
        const reader = new SlowReader(() => container.given, generation);
        const started = performance.now();
        const grown = await growthMb(server.pid, idleMb, async () => {
          const { child, ended } = kubectl(protocol, ['exec', podOf(generation), '--', 'give']);
          for await (const chunk of child.stdout) await reader.take(chunk as Buffer);
          await ended;
        });
        report(t, grown, started, reader.ahead);
        assert.equal(reader.digest(), whole);
        assert.ok(reader.ahead < MOST_AHEAD_BYTES, `${reader.ahead} bytes were under way`);
        assert.ok(grown < MOST_GROWTH_MB, `the server grew by ${grown} MB`);
      });

      it(`goes in to a program that is slow, ${through}`, async (t) => {
        const container = containers[generation] as Container;
        let given = 0;
        const sink = new SlowReader(() => given, generation);
        container.sink = sink;
        const started = performance.now();
        const grown = await growthMb(server.pid, idleMb, async () => {
          const { child, ended } = kubectl(protocol, ['exec', '-i', podOf(generation), '--', 'take']);
          await give(child.stdin, (bytes) => {
            given += bytes;
          });
          await ended;
        });
        report(t, grown, started, sink.ahead);
        assert.equal(sink.digest(), whole);
        assert.ok(sink.ahead < MOST_AHEAD_BYTES, `${sink.ahead} bytes were under way`);
        assert.ok(grown < MOST_GROWTH_MB, `the server grew by ${grown} MB`);
      });

      it(`is copied in and out, ${through}`, async (t) => {
        const container = containers[generation] as Container;
        const started = performance.now();
        const grown = await growthMb(server.pid, idleMb, async () => {
          const over = new AbortController();
          const { ended } = kubectl(protocol, ['cp', 'big', `${podOf(generation)}:/kept`]);
          const slow = slowDown(
            () => [...container.children].find(({ spawnfile }) => spawnfile === 'tar'),
            over.signal,
          );
          await ended.finally(() => over.abort());
          await slow;
        });
        report(t, grown, started);
        assert.equal(await digestOf(join(container.folder, 'kept')), whole);
        assert.ok(grown < MOST_GROWTH_MB, `the server grew by ${grown} MB`);
        const back = join(server.folder, 'back');
        container.given = 0;
        const startedBack = performance.now();
        const grownBack = await growthMb(server.pid, idleMb, async () => {
          const over = new AbortController();
          const { child, ended } = kubectl(protocol, ['cp', `${podOf(generation)}:/kept`, 'back']);
          const slow = slowDown(() => child, over.signal);
          await ended.finally(() => over.abort());
          await slow;
        });
        report(t, grownBack, startedBack);
        assert.equal(await digestOf(back), whole);
        assert.ok(grownBack < MOST_GROWTH_MB, `the server grew by ${grownBack} MB`);
        rmSync(back);
        rmSync(join(container.folder, 'kept'));
      });
    }
  }
});

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
