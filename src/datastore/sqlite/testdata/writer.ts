/** Writes keys as fast as it can and prints each one once it is acknowledged, until it is killed. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../../std/clock.ts';
import { silentLogger } from '../../../telemetry/logger.ts';
import { openSqliteBackend } from '../sqlite-backend.ts';

const [path = '', round = ''] = process.argv.slice(2);
const backend = await openSqliteBackend({ path, clock: systemClock, logger: silentLogger });
async function write(lane: number): Promise<void> {
  for (let index = 0; ; index++) {
    const key = `/registry/${round}/${lane}-${index}`;
    await backend.create(key, Buffer.from(key));
    writeSync(1, `${key}\n`);
  }
}
await Promise.all([0, 1, 2, 3].map(write));
