/** A namespace of 1,000 pods: reads, writes and a watch that fans out. */
import type { Pod } from '../src/generated/api/core/v1.ts';
import { pods } from '../src/generated/resource-types.ts';
import { rate, residentMb, show, startServer, wait, withPlace } from './server-process.ts';

const PODS = 1000;
const WATCHERS = 50;
const PATCHES = 500;

const makePod = (index: number): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${index}`, namespace: 'default', labels: { app: `app-${index % 10}`, tier: 'bench' } },
    spec: {
      // Nothing schedules them, so that only the API is measured.
      schedulerName: 'nobody',
      containers: [
        {
          name: 'app',
          image: 'registry.example/app:1.2.3',
          env: [{ name: 'PORT', value: '8080' }],
          ports: [{ containerPort: 8080 }],
          resources: { requests: { cpu: '100m', memory: '128Mi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        },
      ],
    },
  }) as Pod;

await withPlace(async (folder, port) => {
  const server = await startServer(folder, port);
  const { client } = server;
  // Pods need the service account of their namespace.
  for (let tries = 0; tries < 50; tries++) {
    try {
      await client.create(pods, makePod(PODS));
      break;
    } catch {
      await wait(100);
    }
  }
  const before = residentMb(server.pid);
  const creates = await rate(PODS, 32, (index) => client.create(pods, makePod(index)));
  show('creates of pods, 32 clients', `${creates.toFixed(0)} /s`);
  const gets = await rate(PODS * 4, 32, (index) =>
    client.get(pods, { namespace: 'default', name: `pod-${index % PODS}` }),
  );
  show('gets, 32 clients', `${gets.toFixed(0)} /s`, `${(gets / creates).toFixed(1)} times the creates`);
  const lists = await rate(20, 1, () => client.list(pods, { namespace: 'default' }));
  show(`lists of ${PODS} pods`, `${lists.toFixed(1)} /s`, `${Math.round(lists * PODS)} pods/s`);
  const selected = await rate(50, 1, () => client.list(pods, { namespace: 'default', labelSelector: 'app=app-3' }));
  show(
    'lists of a tenth by label',
    `${selected.toFixed(1)} /s`,
    `${(selected / lists).toFixed(1)} times the whole list`,
  );

  let events = 0;
  const abort = new AbortController();
  const { metadata } = await client.list(pods, { namespace: 'default', limit: 1 });
  for (let index = 0; index < WATCHERS; index++) {
    void (async () => {
      const options = { namespace: 'default', resourceVersion: metadata.resourceVersion, signal: abort.signal };
      for await (const _ of client.watch(pods, options)) events++;
    })().catch(() => {});
  }
  await wait(500);
  const started = performance.now();
  const patches = await rate(PATCHES, 16, (index) =>
    client.patch(
      pods,
      { namespace: 'default', name: `pod-${index}` },
      { metadata: { annotations: { turn: String(index) } } },
      { type: 'strategic' },
    ),
  );
  while (events < WATCHERS * PATCHES && performance.now() - started < 30_000) await wait(10);
  const seconds = (performance.now() - started) / 1000;
  abort.abort();
  show(`patches, 16 clients, ${WATCHERS} watchers beside`, `${patches.toFixed(0)} /s`);
  show(
    `events to ${WATCHERS} watchers`,
    `${(events / seconds).toFixed(0)} /s`,
    `${events} of ${WATCHERS * PATCHES} arrived`,
  );
  const grown = residentMb(server.pid) - before;
  show('memory grown by', `${grown.toFixed(0)} MB`, `${((grown * 1024) / PODS).toFixed(1)} kB for each pod`);
  await server.stop();
});
