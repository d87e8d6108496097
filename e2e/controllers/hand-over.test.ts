/** Controllers of two servers on one PostgreSQL, while the one that leads is stopped in order. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../../src/testing/embedded-postgres.ts';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';

const { skip } = findPostgres();
const REPLICAS = 60;

interface Lease {
  readonly spec: { readonly holderIdentity?: string; readonly leaseTransitions?: number };
}

describe('the lead of controllers', { skip }, () => {
  let postgres: EmbeddedPostgres;
  const servers: WarrenServer[] = [];
  before(async () => {
    postgres = await startPostgres();
    const flags = [`--datastore-endpoint=${postgres.endpoint('tenant')}`, '--token=shared'];
    // One after the other, so that it is known who leads.
    servers.push(await startWarrenServer([...flags, '--advertise-address=192.0.2.1']));
    await eventually(async () => assert.match(servers[0]?.output() ?? '', /became leader/));
    servers.push(await startWarrenServer([...flags, '--advertise-address=192.0.2.2']));
  });
  after(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });
  const leaseOf = async (kubectl: CommandLine): Promise<Lease> =>
    JSON.parse(await kubectl('get lease kube-controller-manager -n kube-system -o json'));

  it('passes on at once when the leader stops, and no work is done twice or left out', async () => {
    const [first, second] = servers as [WarrenServer, WarrenServer];
    const { kubectl } = second;
    const before = await leaseOf(kubectl);
    assert.doesNotMatch(second.output(), /became leader/);
    // Half done when the leader stops: its pods are made a few at a time.
    await kubectl(`create deployment web --image=web:1 --replicas=${REPLICAS}`);
    const stopped = first.stop();
    await eventually(async () => assert.match(second.output(), /became leader/), { pauseMs: 20, timeoutMs: 15_000 });
    assert.equal(await stopped, 0);
    const later = await leaseOf(kubectl);
    assert.notEqual(later.spec.holderIdentity, before.spec.holderIdentity);
    // Given up and then taken, never run out: that would take longer than the lease lasts.
    assert.ok((later.spec.leaseTransitions ?? 0) > (before.spec.leaseTransitions ?? 0));
    await eventually(async () => {
      const { items } = JSON.parse(await kubectl('get pods -l app=web -o json'));
      assert.equal(items.length, REPLICAS);
    });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.equal((await kubectl('get pods -l app=web -o name')).trim().split('\n').length, REPLICAS);
    assert.equal((await kubectl('get replicasets -o name')).trim().split('\n').length, 1);
  });
});
