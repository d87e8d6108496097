import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '../../../generated/api/core/v1.ts';
import { eventCells } from './definition.ts';

const nowMs = Date.parse('2026-01-02T00:01:00Z');
const event = (times: object): Event =>
  ({ metadata: {}, involvedObject: { kind: 'Pod', name: 'a' }, ...times }) as Event;
const seen = (each: Event): string[] => [
  eventCells['Last Seen'](each, { nowMs }),
  eventCells['First Seen'](each, { nowMs }),
];

describe('when an event was seen', () => {
  const times: Record<string, [times: object, last: string, first: string]> = {
    'is told by its two times': [
      { firstTimestamp: '2026-01-02T00:00:00Z', lastTimestamp: '2026-01-02T00:00:30Z' },
      '30s',
      '60s',
    ],
    'is the first time where there is no last': [{ firstTimestamp: '2026-01-02T00:00:00Z' }, '60s', '60s'],
    'is when it happened, in newer events': [
      { firstTimestamp: null, lastTimestamp: null, eventTime: '2026-01-02T00:00:50.000000Z' },
      '10s',
      '10s',
    ],
    'is when its series was seen last': [
      {
        eventTime: '2026-01-02T00:00:00.000000Z',
        series: { count: 2, lastObservedTime: '2026-01-02T00:00:55.000000Z' },
      },
      '5s',
      '60s',
    ],
    'is unknown where nothing tells': [{}, '<unknown>', '<unknown>'],
  };
  for (const [title, [facts, last, first]] of Object.entries(times)) {
    it(title, () => assert.deepEqual(seen(event(facts)), [last, first]));
  }
});
