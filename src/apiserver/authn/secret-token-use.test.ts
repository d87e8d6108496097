import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../client/client.ts';
import type { Secret } from '../../generated/api/core/v1.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { secretTokenUse } from './secret-token-use.ts';

const LABEL = 'kubernetes.io/legacy-token-last-used';
const secret = (labels: Record<string, string> = {}): Secret => ({
  metadata: { name: 's', namespace: 'a', uid: 'u', labels },
});

function scene() {
  const patches: unknown[] = [];
  const clock = { now: Date.UTC(2030, 0, 1, 23), nowMs: () => clock.now };
  let fails = false;
  const client = {
    async patch(_type: unknown, key: unknown, patch: unknown) {
      if (fails) throw new Error('no');
      patches.push([key, patch]);
    },
  } as unknown as Client;
  const note = secretTokenUse({ client: () => client, clock, logger: silentLogger });
  return {
    patches,
    clock,
    note,
    fail(value: boolean) {
      fails = value;
    },
  };
}

describe('secretTokenUse', () => {
  it('notes the day once, and the next one again', () => {
    const { patches, clock, note } = scene();
    note(secret());
    note(secret());
    clock.now += 2 * 3600 * 1000;
    note(secret({ [LABEL]: '2030-01-01' }));
    const key = { namespace: 'a', name: 's' };
    assert.deepEqual(patches, [
      [key, { metadata: { uid: 'u', labels: { [LABEL]: '2030-01-01' } } }],
      [key, { metadata: { uid: 'u', labels: { [LABEL]: '2030-01-02' } } }],
    ]);
  });
  it('leaves what is noted already, by a clock ahead too', () => {
    const { patches, note } = scene();
    note(secret({ [LABEL]: '2030-01-01' }));
    note(secret({ [LABEL]: '2030-01-02' }));
    assert.deepEqual(patches, []);
  });
  it('tries again after a failure', async () => {
    const { patches, note, fail } = scene();
    fail(true);
    note(secret());
    await new Promise((resolve) => setImmediate(resolve));
    fail(false);
    note(secret());
    assert.equal(patches.length, 1);
  });
});
