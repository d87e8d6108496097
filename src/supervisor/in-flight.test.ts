import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../telemetry/logger.ts';
import { InFlight } from './in-flight.ts';

describe('InFlight', () => {
  it('turns away what is too much at once, and takes it later', async () => {
    const inFlight = new InFlight(silentLogger, 2);
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = [inFlight.run(() => promise), inFlight.run(() => promise)];
    await assert.rejects(
      inFlight.run(async () => {}),
      {
        status: 429,
        message: 'Too many requests, please try again later.',
      },
    );
    resolve();
    await Promise.all(running);
    await inFlight.run(async () => {});
  });

  it('forgets work that failed', async () => {
    const inFlight = new InFlight(silentLogger, 1);
    await assert.rejects(
      inFlight.run(() => Promise.reject(new Error('no'))),
      /no/,
    );
    await inFlight.run(async () => {});
  });
});
