/** Machines that join all at once: the time until each is Ready, and what an agent costs the server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodes } from '../src/generated/resource-types.ts';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import { residentMb, show, startServer, wait, withPlace } from './server-process.ts';

const AGENTS = 100;

await withPlace(async (folder, port) => {
  const server = await startServer(folder, port);
  await wait(3000);
  const idleMb = residentMb(server.pid);
  const token = readFileSync(join(folder, 'server', 'token'), 'utf8').trim();
  const started = performance.now();
  const times: number[] = [];
  const agents = await Promise.all(
    Array.from({ length: AGENTS }, async (_, index) => {
      const agent = await AgentDouble.join({
        url: `https://127.0.0.1:${port}`,
        token,
        nodeName: `storm-${index}`,
        nodeIp: `192.0.2.${index + 1}`,
        generation: index % 2 === 0 ? 'current' : '2021',
        clock: systemClock,
      });
      times.push(performance.now() - started);
      return agent;
    }),
  );
  for (;;) {
    const { items } = await server.client.list(nodes);
    const ready = items.filter(({ status, spec }) => {
      const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
      return isReady && spec.podCIDR !== undefined;
    });
    if (ready.length === AGENTS) break;
    await wait(50);
  }
  const allMs = performance.now() - started;
  times.sort((a, b) => a - b);
  show(`${AGENTS} agents at once, first joined`, `${(times[0] ?? 0).toFixed(0)} ms`);
  show(`${AGENTS} agents at once, median`, `${(times[AGENTS / 2] ?? 0).toFixed(0)} ms`);
  show(`${AGENTS} agents at once, all Ready`, `${allMs.toFixed(0)} ms`, `${(allMs / AGENTS).toFixed(0)} ms each`);
  await wait(15_000);
  const busyMb = residentMb(server.pid);
  show(
    'resident memory per connected agent',
    `${((busyMb - idleMb) / AGENTS).toFixed(2)} MB`,
    `${idleMb.toFixed(0)} MB alone, ${busyMb.toFixed(0)} MB with ${AGENTS}`,
  );
  for (const agent of agents) await agent[Symbol.asyncDispose]();
  await server.stop();
});
