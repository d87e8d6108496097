/** CronJobs on a server whose clock stands shortly before a change of the clocks. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

const ZONE = 'Europe/Berlin';
const HOUR_MS = 3_600_000;
/** What the server has to start in. */
const LEAD_MS = 15_000;

/** The hours that a zone is ahead of UTC. */
function offsetOf(ms: number): number {
  const text = new Intl.DateTimeFormat('en', { timeZone: ZONE, timeZoneName: 'longOffset' }).format(ms);
  return Number(/GMT([+-]\d\d)/.exec(text)?.[1] ?? 0);
}

/** The last hour at which the zone's clocks were changed: certificates made then are still valid. */
function lastChangeMs(): number {
  let ms = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  while (offsetOf(ms) === offsetOf(ms - HOUR_MS)) ms -= HOUR_MS;
  return ms;
}

/** Moves the clock of a process that is given it as `NODE_OPTIONS`. */
function clockFrom(startMs: number): string {
  const source = `const Real = Date; const by = ${startMs} - Real.now();
    globalThis.Date = class Date extends Real {
      constructor(...of) { of.length === 0 ? super(Real.now() + by) : super(...of); }
      static now() { return Real.now() + by; }
    };`;
  return `--import=data:text/javascript,${encodeURIComponent(source)}`;
}

const changeMs = lastChangeMs();
const isSpring = offsetOf(changeMs) > offsetOf(changeMs - HOUR_MS);
/** The local hour that the change leads to, and the one that it skips (in spring) or repeats (in autumn). */
const [hourAfter, hourBefore] = isSpring ? [3, 2] : [2, 3];

let server: WarrenServer;
let kubectl: CommandLine;
before(async () => {
  server = await startWarrenServer([], undefined, { NODE_OPTIONS: clockFrom(changeMs - LEAD_MS) });
  kubectl = await server.inNamespace('crons');
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

const cronJob = (name: string, schedule: string, timeZone: string): object => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name },
  spec: {
    schedule,
    timeZone,
    jobTemplate: {
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'c:1' }] } } },
    },
  },
});

describe('CronJobs while clocks are changed', () => {
  it('run by the time of their zone', async () => {
    const items = [
      cronJob('there', `0 ${hourAfter} * * *`, ZONE),
      cronJob('elsewhere', `0 ${hourBefore} * * *`, ZONE),
      cronJob('utc', `0 ${new Date(changeMs).getUTCHours()} * * *`, 'Etc/UTC'),
    ];
    await kubectl('apply -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(await kubectl('get jobs -o name'), '', 'nothing is due yet');
    const minute = changeMs / 60_000;
    await eventually(
      async () =>
        assert.deepEqual((await kubectl('get jobs -o name')).trim().split('\n'), [
          `job.batch/there-${minute}`,
          `job.batch/utc-${minute}`,
        ]),
      { timeoutMs: 60_000 },
    );
  });

  it('say for when each job was due, in their zone', async () => {
    const { items } = JSON.parse(await kubectl('get jobs -o json'));
    const local = new Date(changeMs + offsetOf(changeMs) * HOUR_MS).toISOString().slice(0, 19);
    assert.deepEqual(
      items.map(
        ({ metadata }: { metadata: { annotations: Record<string, string> } }) =>
          metadata.annotations['batch.kubernetes.io/cronjob-scheduled-timestamp'],
      ),
      [`${local}+0${offsetOf(changeMs)}:00`, `${new Date(changeMs).toISOString().slice(0, 19)}Z`],
    );
    const { status } = JSON.parse(await kubectl('get cronjob there -o json'));
    assert.equal(Date.parse(status.lastScheduleTime), changeMs);
    assert.equal(status.active.length, 1);
    assert.match(await kubectl('get cronjob elsewhere'), /elsewhere +\S.* <none> /);
    assert.match(await kubectl('get events'), /Normal +SuccessfulCreate +cronjob\/there +Created job there-\d+/);
  });
});
