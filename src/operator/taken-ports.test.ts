import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Secret, Service } from '../generated/api/core/v1.ts';
import { portOf } from './addresses.ts';
import { type VirtualClusterSpec, type VirtualClusterStatus, withDefaults } from './api/virtual-cluster.ts';
import type { Observed } from './observed.ts';
import { candidatePort, planService } from './steps/service.ts';
import { findTakenPorts } from './taken-ports.ts';

const range = { first: 30_000, last: 32_767 };
const [first, second] = [candidatePort('u1', 0, range), candidatePort('u1', 1, range)];

interface Row {
  readonly spec?: VirtualClusterSpec;
  readonly status?: VirtualClusterStatus;
  /** Port of the Service that is there. */
  readonly present?: number;
  /** Port that machines were told. */
  readonly told?: number;
  /** What the server said when it ended; undefined: it runs. */
  readonly said?: string;
  readonly hasPod?: boolean;
  /** Ports of other programs. */
  readonly others?: readonly number[];
  /** The port that the Service gets, or why it has to wait. */
  readonly outcome: number | string;
}

const refused = (port: number): string => `warren: port ${port} on 0.0.0.0 is taken by another program; choose another`;
const joined = { phase: 'Degraded', nodes: { total: 1, ready: 0, summary: '0/1' } } as const;

const rows: Readonly<Record<string, Row>> = {
  'takes the first port of its sequence': { outcome: first },
  'passes over a port of another program': { others: [first], outcome: second },
  'waits where the chosen port is taken': {
    spec: { exposure: { nodePort: { port: 30_999 } } },
    others: [30_999],
    outcome: 'PortTaken',
  },
  'comes back at the port that machines know': { told: 30_777, outcome: 30_777 },
  'comes back at another one where that is taken': { told: 30_777, others: [30_777], outcome: first },
  'keeps the port that its own server holds': { told: 30_777, others: [30_777], hasPod: true, outcome: 30_777 },
  'leaves a port that was taken before its server came': {
    present: 30_777,
    said: refused(30_777),
    others: [30_777],
    outcome: first,
  },
  'keeps a port that machines know, though another program has it now': {
    status: joined,
    present: 30_777,
    said: refused(30_777),
    others: [30_777],
    outcome: 30_777,
  },
  'keeps its port where the server ends for another reason': {
    present: 30_777,
    said: 'warren: the disk is full',
    others: [30_777],
    outcome: 30_777,
  },
};

function observe({ spec = {}, status, present, told, said, hasPod, others = [] }: Row): Observed {
  const metadata = { name: 'demo', namespace: 'default', uid: 'u1' };
  const pod = {
    metadata: { name: 'demo-server-1', labels: { 'warren.dev/virtualcluster': 'demo' } },
    spec: { nodeName: 'here', containers: [] },
    status: {
      containerStatuses: [
        { name: 'server', ready: said === undefined, state: said && { terminated: { exitCode: 1, message: said } } },
      ],
    },
  } as unknown as Pod;
  return {
    cluster: { apiVersion: 'warren.dev/v1alpha1', kind: 'VirtualCluster', metadata, spec, ...(status && { status }) },
    spec: withDefaults(spec),
    settings: {
      image: 'warren:test',
      imagePullPolicy: 'Never',
      serverVersion: 'v1.36.2+warren1',
      agentVersion: 'v1.36.2+k3s1',
      nodePorts: range,
      isPortFree: async (port: number) => !others.includes(port),
    },
    nowMs: 0,
    nodes: [],
    pods: hasPod || said !== undefined ? [pod] : [],
    backups: [],
    ...(present === undefined ? {} : { service: { spec: { ports: [{ port: present }] } } as unknown as Service }),
    ...(told === undefined
      ? {}
      : {
          tokenSecret: {
            data: { url: Buffer.from(`https://192.0.2.1:${told}`).toString('base64') },
          } as unknown as Secret,
        }),
    resolved: new Map(),
  } as Observed;
}

describe('the port of a tenant that shares those of a machine', () => {
  for (const [title, row] of Object.entries(rows))
    it(title, async () => {
      const seen = observe(row);
      const plan = planService({ ...seen, takenPorts: await findTakenPorts(seen) }, 0);
      const found =
        plan.kind === 'wait' ? plan.reason : portOf(plan.objects[0]?.object as unknown as Service | undefined);
      assert.equal(found, row.outcome);
    });
});
