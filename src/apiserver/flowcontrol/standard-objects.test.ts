import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../client/client.ts';
import { readerOf } from '../../testing/admission.ts';
import { ensureStandardConfigs, removeFormerConfigs, reviseConfig } from './standard-objects.ts';

const FOLLOWS = 'apf.kubernetes.io/autoupdate-spec';
type Config = Parameters<typeof reviseConfig>[0];

function config(name: string, spec: object, said?: string, generation = 2): Config {
  const annotations = said === undefined ? {} : { annotations: { [FOLLOWS]: said } };
  return { metadata: { name, generation, ...annotations }, spec } as unknown as Config;
}

const shares = (nominalConcurrencyShares: number): object => ({
  type: 'Exempt',
  exempt: { nominalConcurrencyShares, lendablePercent: 0 },
});

const cases: Record<string, [Config, Config, Config | undefined]> = {
  'leaves what is well': [config('a', { a: 1 }, 'true'), config('a', { a: 1 }), undefined],
  'brings back what follows': [config('a', { a: 2 }, '1'), config('a', { a: 1 }), config('a', { a: 1 }, 'true')],
  'leaves what went its own way': [config('a', { a: 2 }, 'false'), config('a', { a: 1 }), undefined],
  'writes down who follows: what nobody changed': [
    config('a', { a: 1 }, undefined, 1),
    config('a', { a: 1 }),
    config('a', { a: 1 }, 'true', 1),
  ],
  'writes down who does not: what somebody changed': [
    config('a', { a: 2 }),
    config('a', { a: 1 }),
    config('a', { a: 2 }, 'false'),
  ],
  'brings back the fixed ones whatever they say': [
    config('catch-all', { a: 2 }, 'false'),
    config('catch-all', { a: 1 }),
    config('catch-all', { a: 1 }, 'true'),
  ],
  'leaves the exempt level its shares': [config('exempt', shares(7), 'true'), config('exempt', shares(0)), undefined],
};

describe('reviseConfig', () => {
  for (const [name, [stored, wanted, next]] of Object.entries(cases))
    it(name, () => assert.deepEqual(reviseConfig(stored, wanted), next));
});

describe('standard objects of flow control', () => {
  it('come back, and those of other versions go', async () => {
    const calls: string[] = [];
    const client = {
      create: async (_type: unknown, { metadata }: Config, { fieldManager }: { fieldManager: string }) =>
        void calls.push(`create ${metadata.name} as ${fieldManager}`),
      delete: async (_type: unknown, { name }: { name: string }) => void calls.push(`delete ${name}`),
    } as unknown as Client;
    const reader = readerOf({
      flowschemas: [config('old', {}, 'true'), config('own', {}), config('kept', {}, 'true')],
    });
    const recorded = { flowschemas: [config('kept', {}, 'true'), config('new', {}, 'true')] } as never;
    await Promise.all(ensureStandardConfigs({ client, reader }, recorded));
    await removeFormerConfigs({ client, reader }, recorded);
    assert.deepEqual(calls, ['create new as api-priority-and-fairness-config-producer-v1', 'delete old']);
  });
});
