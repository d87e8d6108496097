import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service, ServicePort } from '../generated/api/core/v1.ts';
import { portOf } from './addresses.ts';

describe('portOf', () => {
  const rows: Record<string, [ports: Partial<ServicePort>[] | undefined, port: number | undefined]> = {
    'is the one of the tenant, wherever it stands': [[{ port: 22 }, { name: 'https', port: 30_001 }], 30_001],
    'is the only one, though somebody named it anew': [[{ name: 'x', port: 30_001 }], 30_001],
    'is unknown while there is none': [undefined, undefined],
  };
  for (const [title, [ports, port]] of Object.entries(rows)) {
    it(title, () => assert.equal(portOf({ metadata: {}, spec: { ports } } as Service), port));
  }
});
