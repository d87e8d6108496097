import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cronjobs, jobs } from '../../generated/resource-types.ts';
import { latestBefore, parseSchedule } from '../../std/cron-schedule.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { toTime } from '../timestamps.ts';

describe('parseSchedule', () => {
  const cases: Record<string, [schedule: string, after: string, next: string | undefined]> = {
    'takes the next minute': ['* * * * *', '2030-01-01T00:00:00Z', '2030-01-01T00:01:00Z'],
    'takes steps': ['*/15 * * * *', '2030-01-01T00:01:00Z', '2030-01-01T00:15:00Z'],
    'takes lists and ranges': ['0 8-10,20 * * *', '2030-01-01T10:00:00Z', '2030-01-01T20:00:00Z'],
    'takes names': ['0 0 * feb mon', '2030-01-01T00:00:00Z', '2030-02-04T00:00:00Z'],
    'takes either day where both are given': ['0 0 13 * fri', '2030-01-05T00:00:00Z', '2030-01-11T00:00:00Z'],
    'finds a leap day': ['0 0 29 2 *', '2030-01-01T00:00:00Z', '2032-02-29T00:00:00Z'],
    'finds no thirtieth of February': ['0 0 30 2 *', '2030-01-01T00:00:00Z', undefined],
    'knows macros': ['@daily', '2030-01-01T00:00:00Z', '2030-01-02T00:00:00Z'],
    'knows periods': ['@every 1h30m', '2030-01-01T00:00:00Z', '2030-01-01T01:30:00Z'],
    'knows zones': ['TZ=Asia/Tokyo 0 9 * * *', '2030-01-01T00:00:00Z', '2030-01-02T00:00:00Z'],
    'follows summer time': ['CRON_TZ=Europe/Berlin 0 9 * * *', '2030-07-01T00:00:00Z', '2030-07-01T07:00:00Z'],
    'leaves a time out that summer time takes': [
      'TZ=Europe/Berlin 30 2 * * *',
      '2030-03-30T02:00:00Z',
      '2030-04-01T00:30:00Z',
    ],
    'takes a time twice that comes twice': [
      'TZ=Europe/Berlin 30 2 * * *',
      '2030-10-27T00:30:00Z',
      '2030-10-27T01:30:00Z',
    ],
  };
  for (const [name, [schedule, after, next]] of Object.entries(cases)) {
    it(name, () => {
      const ms = parseSchedule(schedule).next(Date.parse(after));
      assert.equal(ms === undefined ? undefined : toTime(ms), next);
    });
  }
  for (const text of ['', '* * * *', '60 * * * *', '5-1 * * * *', '*/0 * * * *', 'x * * * *', '@every x']) {
    it(`refuses "${text}"`, () => assert.throws(() => parseSchedule(text)));
  }
  it('refuses an unknown zone', () => assert.throws(() => parseSchedule('* * * * *', 'Mars/Base'), RangeError));
});

describe('latestBefore', () => {
  it('finds the last time due, however many were missed', () => {
    const schedule = parseSchedule('*/10 * * * *');
    const at = Date.parse('2030-01-05T00:05:00Z');
    assert.deepEqual(latestBefore(schedule, at - 60_000, at), { ms: undefined, manyMissed: false });
    const { ms, manyMissed } = latestBefore(schedule, at - 3 * 86_400_000, at);
    assert.equal(ms, Date.parse('2030-01-05T00:00:00Z'));
    assert.equal(manyMissed, true);
  });
});

describe('the cron job controller', () => {
  it('keeps to the hour of its zone when summer time begins', async () => {
    const clock = new ManualClock(Date.parse('2030-03-29T12:00:00Z'));
    await using cluster = startControllers(['cronjob-controller'], {}, () => {}, clock);
    const { server, settle } = cluster;
    server.put(cronjobs, {
      metadata: { name: 'daily', namespace: 'default', creationTimestamp: '2030-03-29T12:00:00Z' },
      spec: { schedule: '0 9 * * *', timeZone: 'Europe/Berlin', jobTemplate: { spec: { template: {} } } },
    });
    await settle();
    for (let hours = 0; hours < 72; hours++) {
      clock.advance(3_600_000);
      await settle();
    }
    const times = server
      .all(jobs, 'default')
      .map(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp']);
    assert.deepEqual(times, ['2030-03-30T09:00:00+01:00', '2030-03-31T09:00:00+02:00', '2030-04-01T09:00:00+02:00']);
  });

  it('starts the job that is due, and lists it as active', async () => {
    await using cluster = startControllers(['cronjob-controller']);
    const { server, until } = cluster;
    server.put(cronjobs, {
      metadata: { name: 'tick', namespace: 'default', creationTimestamp: toTime(Date.now() - 3_600_000) },
      spec: {
        schedule: '* * * * *',
        concurrencyPolicy: 'Forbid',
        jobTemplate: { metadata: { labels: { a: 'b' } }, spec: { template: {} } },
      },
    });
    await until(() => server.all(jobs, 'default').length === 1);
    const [job] = server.all(jobs, 'default');
    assert.match(job?.metadata.name ?? '', /^tick-\d+$/);
    assert.equal(job?.metadata.labels?.['a'], 'b');
    await until(() => server.find(cronjobs, 'default', 'tick')?.status?.active?.[0]?.name === job?.metadata.name);
  });
});
