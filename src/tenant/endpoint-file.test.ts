import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { silentLogger } from '../telemetry/logger.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { type EndpointFile, followEndpointFile, parseEndpointFile, readEndpointFile } from './endpoint-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-endpoint-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('the endpoint file', () => {
  const rows: Record<string, [text: string, fault: RegExp]> = {
    'that is no JSON is refused': ['no', /JSON/],
    'without addresses is refused': ['{}', /"addresses" must be/],
    'with a name among the addresses is refused': ['{"addresses":["host"]}', /"addresses" must be/],
    'with a number among the names is refused': ['{"addresses":["192.0.2.1"],"names":[1]}', /"names" must be/],
  };
  for (const [title, [text, fault]] of Object.entries(rows)) {
    it(title, () => assert.throws(() => parseEndpointFile(text), fault));
  }

  it('that is missing stops the start with one line', () => {
    assert.throws(() => readEndpointFile(join(folder, 'none')), /--endpoint-file .*none cannot be read/);
  });

  it('is followed: each new content is told once, and a broken one changes nothing', async () => {
    const path = join(folder, 'endpoint.json');
    const clock = new ManualClock();
    const told: EndpointFile[] = [];
    writeFileSync(path, '{"addresses":["192.0.2.1"],"names":[]}');
    const stop = followEndpointFile(path, { clock, logger: silentLogger }, (endpoint) => told.push(endpoint));
    await clock.advance(4_000);
    assert.deepEqual(told, []);
    writeFileSync(path, '{"addresses":["192.0.2.2"],"names":["a.example"]}');
    await clock.advance(4_000);
    writeFileSync(path, '{"addresses":');
    await clock.advance(4_000);
    rmSync(path);
    await clock.advance(4_000);
    assert.deepEqual(told, [{ addresses: ['192.0.2.2'], names: ['a.example'] }]);
    stop();
  });
});
