/** What it costs to reach a node through the tunnel of another server: `node bench/datastore/relay.ts`. */
import { type Duplex, duplexPair } from 'node:stream';
import { openMemoryBackend } from '../../src/datastore/memory/memory-backend.ts';
import { createPkiFiles, loadPki } from '../../src/pki/bundle.ts';
import { systemClock as clock } from '../../src/std/clock.ts';
import { silentLogger as logger } from '../../src/telemetry/logger.ts';
import { joinReplicas } from '../../src/tenant/replicas.ts';
import type { HeldTunnels } from '../../src/tunnel/relay/relay-listener.ts';
import { show } from '../server-process.ts';

const DIALS = 300;
const BYTES = 64 << 20;
const never = new AbortController().signal;

/** A node that says all that it is asked for, at once. */
function tunnelsTo(node: string | undefined, serve: (far: Duplex) => void): HeldTunnels {
  return {
    silentMs: (name) => (name === node ? 0 : undefined),
    async dial() {
      const [near, far] = duplexPair({ allowHalfOpen: false });
      serve(far);
      return near;
    },
  };
}

async function answered(stream: Duplex): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  return bytes;
}

const pki = loadPki(await createPkiFiles(clock.nowMs()));
const backend = await openMemoryBackend();
const answer = { bytes: 1 };
const serve = (far: Duplex): void => {
  const chunk = Buffer.alloc(Math.min(answer.bytes, 32 * 1024), 'x');
  let left = answer.bytes;
  const write = (): void => {
    while (left > 0) {
      left -= chunk.length;
      if (!far.write(chunk)) {
        far.once('drain', write);
        return;
      }
    }
    far.end();
  };
  write();
};
const join = (node: string | undefined) => {
  const options = { backend, pki, bindAddress: '127.0.0.1', port: 0, address: '127.0.0.1', clock, logger };
  return joinReplicas({ ...options, tunnels: tunnelsTo(node, serve) });
};
const near = await join(undefined);
const far = await join('node');
for (const [what, replicas] of [
  ['its own tunnel', far],
  ["another server's", near],
] as const) {
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let index = 0; index < DIALS; index++) {
    const started = performance.now();
    await answered(await replicas.dial('node', '10.42.0.1', 80, never));
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const [median = 0, late = 0] = [times[DIALS >> 1], times[Math.floor(DIALS * 0.99)]];
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1_000 / DIALS;
  const note = `99 %: ${late.toFixed(1)} ms; both ends together take ${cpuMs.toFixed(1)} ms of a processor`;
  show(`a short answer through ${what}`, `${median.toFixed(2)} ms`, note);
  answer.bytes = BYTES;
  const started = performance.now();
  const bytes = await answered(await replicas.dial('node', '10.42.0.1', 80, never));
  show(`a long one through ${what}`, `${(bytes / 1e3 / (performance.now() - started)).toFixed(0)} MB/s`);
  answer.bytes = 1;
}
await near.leave();
await far.leave();
