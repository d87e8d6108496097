import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service, ServicePort } from '../generated/api/core/v1.ts';
import { formerPorts, portOf } from './addresses.ts';
import { CLOSE_PORTS, type VirtualCluster } from './api/virtual-cluster.ts';

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

describe('formerPorts', () => {
  const ports = (present: number, ...former: number[]): Partial<ServicePort>[] => [
    { name: 'https', port: present },
    ...former.map((port) => ({ name: `former-${port}`, port })),
  ];
  const rows: Record<
    string,
    [ports: Partial<ServicePort>[] | undefined, nodes: number, close: string, port: number, former: number[]]
  > = {
    'are none at first': [undefined, 0, '', 30_001, []],
    'are none while the port stays': [ports(30_001), 2, '', 30_001, []],
    'hold the one that machines know': [ports(30_001), 2, '', 30_002, [30_001]],
    'do not hold one that no machine knows': [ports(30_001), 0, '', 30_002, []],
    stay: [ports(30_002, 30_001), 2, '', 30_002, [30_001]],
    'hold the newest first': [ports(30_002, 30_001), 2, '', 30_003, [30_002, 30_001]],
    'are three at most': [ports(30_004, 30_003, 30_002, 30_001), 2, '', 30_005, [30_004, 30_003, 30_002]],
    'leave out one that is the port again': [ports(30_002, 30_001), 2, '', 30_001, [30_002]],
    'leave out those that are closed': [ports(30_003, 30_002, 30_001), 2, '30002, 30001', 30_003, []],
  };
  for (const [title, [present, total, close, port, former]] of Object.entries(rows)) {
    it(title, () => {
      const service = present === undefined ? undefined : ({ metadata: {}, spec: { ports: present } } as Service);
      const metadata = { name: 'demo', annotations: { [CLOSE_PORTS]: close } };
      const cluster = { metadata, spec: {}, status: { nodes: { total, ready: total, summary: '' } } } as VirtualCluster;
      assert.deepEqual(formerPorts({ cluster, service }, port), former);
    });
  }
});
