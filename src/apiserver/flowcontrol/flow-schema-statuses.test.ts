import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../client/client.ts';
import type { FlowSchema } from '../../generated/api/flowcontrol/v1.ts';
import { FakeFeed } from '../../testing/fake-feed.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { FlowSchemaStatuses, planCondition } from './flow-schema-statuses.ts';

const schema = (name: string, level: string, conditions: object[] = []): FlowSchema =>
  ({ metadata: { name }, spec: { priorityLevelConfiguration: { name: level } }, status: { conditions } }) as FlowSchema;
const text = 'This FlowSchema references the PriorityLevelConfiguration object named "p"';
const found = { type: 'Dangling', status: 'False', reason: 'Found', message: `${text} and it exists` };
const missing = {
  type: 'Dangling',
  status: 'True',
  reason: 'NotFound',
  message: `${text} but there is no such object`,
};

const cases: Record<string, [FlowSchema, string[], object | undefined]> = {
  'says that a level is there': [schema('a', 'p'), ['p'], found],
  'says that a level is missing': [schema('a', 'p', [found]), [], missing],
  'says nothing twice': [schema('a', 'p', [found]), ['p'], undefined],
};

describe('planCondition', () => {
  for (const [name, [object, levels, wanted]] of Object.entries(cases))
    it(name, () => assert.deepEqual(planCondition(object, new Set(levels)), wanted));
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const quiet = { debug() {}, info() {}, warn() {}, error() {} } as never;

describe('FlowSchemaStatuses', () => {
  it('follows schemas and levels, and tries again what failed', async () => {
    const feed = new FakeFeed({ flowschemas: [schema('a', 'p')], prioritylevelconfigurations: [] });
    const clock = new ManualClock();
    const said: string[] = [];
    let fails = 1;
    const client = {
      async patch(_type: unknown, { name }: { name: string }, { status }: FlowSchema) {
        if (fails-- > 0) throw new Error('not now');
        said.push(`${name} ${status?.conditions?.[0]?.status}`);
        feed.tell('flowschemas', 'set', schema(name, 'p', status?.conditions));
      },
    } as unknown as Client;
    await new FlowSchemaStatuses({ client, feed, clock, logger: quiet }).start(new AbortController().signal);
    await settle();
    assert.deepEqual(said, []);
    clock.advance(1000);
    await settle();
    feed.tell('prioritylevelconfigurations', 'set', { metadata: { name: 'p' } });
    await settle();
    feed.tell('flowschemas', 'set', schema('b', 'p'));
    await settle();
    assert.deepEqual(said, ['a True', 'a False', 'b False']);
  });
});
