/** One tenant: its start, its memory at rest, and plain reads, writes and watches. */
import { configmaps } from '../src/generated/resource-types.ts';
import { rate, residentMb, show, startServer, wait, withPlace } from './server-process.ts';

const OBJECTS = 2000;
const WATCHERS = 100;
const BUDGET = { startMs: 400, memoryMb: 100 };

await withPlace(async (folder, port) => {
  const first = await startServer(folder, port);
  await first.stop();
  const starts: number[] = [];
  for (let round = 0; round < 4; round++) {
    const server = await startServer(folder, port);
    starts.push(server.startMs);
    await server.stop();
  }
  starts.sort((a, b) => a - b);
  const median = starts[Math.floor(starts.length / 2)] ?? 0;
  show(
    'cold start to /readyz, new data folder',
    `${first.startMs.toFixed(0)} ms`,
    `${(first.startMs / BUDGET.startMs).toFixed(2)} of the budget; makes keys and certificates`,
  );
  show(
    'cold start to /readyz, median',
    `${median.toFixed(0)} ms`,
    `${(median / BUDGET.startMs).toFixed(2)} of the budget of ${BUDGET.startMs} ms`,
  );

  const server = await startServer(folder, port);
  await wait(5000);
  const idle = residentMb(server.pid);
  show(
    'resident memory, idle',
    `${idle.toFixed(0)} MB`,
    `${(idle / BUDGET.memoryMb).toFixed(2)} of the budget of ${BUDGET.memoryMb} MB`,
  );
  const { client } = server;
  const create = (index: number) =>
    client.create(configmaps, {
      metadata: { name: `bench-${index}`, namespace: 'default' },
      data: { key: 'x'.repeat(512) },
    });
  const alone = await rate(200, 1, (index) => create(index));
  const together = await rate(OBJECTS, 32, (index) => create(200 + index));
  show('creates, one client', `${alone.toFixed(0)} /s`);
  show('creates, 32 clients', `${together.toFixed(0)} /s`, `${(together / alone).toFixed(1)} times one client`);
  const reads = await rate(OBJECTS, 32, (index) =>
    client.get(configmaps, { namespace: 'default', name: `bench-${index}` }),
  );
  show('gets, 32 clients', `${reads.toFixed(0)} /s`);
  const lists = await rate(20, 1, () => client.list(configmaps, { namespace: 'default' }));
  show(
    `lists of ${OBJECTS + 200} objects`,
    `${lists.toFixed(1)} /s`,
    `${Math.round(lists * (OBJECTS + 200))} objects/s`,
  );

  let events = 0;
  const abort = new AbortController();
  const { metadata } = await client.list(configmaps, { namespace: 'default', limit: 1 });
  for (let index = 0; index < WATCHERS; index++) {
    void (async () => {
      for await (const _ of client.watch(configmaps, {
        namespace: 'default',
        resourceVersion: metadata.resourceVersion,
        signal: abort.signal,
      }))
        events++;
    })().catch(() => {});
  }
  await wait(500);
  const started = performance.now();
  await rate(200, 8, (index) =>
    client.patch(
      configmaps,
      { namespace: 'default', name: `bench-${index}` },
      { data: { key: String(index) } },
      { type: 'merge' },
    ),
  );
  while (events < WATCHERS * 200 && performance.now() - started < 20_000) await wait(10);
  show(
    `events to ${WATCHERS} watchers`,
    `${(events / ((performance.now() - started) / 1000)).toFixed(0)} /s`,
    `${events} of ${WATCHERS * 200} arrived`,
  );
  abort.abort();
  show('resident memory, afterwards', `${residentMb(server.pid).toFixed(0)} MB`);
  await server.stop();
});
