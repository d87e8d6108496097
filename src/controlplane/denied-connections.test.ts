import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { ObjectChange } from '../apiserver/authz/object-feed.ts';
import { DeniedConnections } from './denied-connections.ts';

const fingerprint256 = Array.from({ length: 32 }, () => 'AB').join(':');

/** A connection that showed a certificate, or none that is good. */
class Connected {
  readonly authorized: boolean;
  readonly subject: { CN: string; O?: string | readonly string[] };
  readonly #closers: (() => void)[] = [];
  isCut = false;

  constructor(CN: string, O?: string | readonly string[], authorized = true) {
    this.authorized = authorized;
    this.subject = O === undefined ? { CN } : { CN, O };
  }

  getPeerCertificate(): object {
    return { subject: this.subject, fingerprint256 };
  }

  once(_event: 'close', call: () => void): void {
    this.#closers.push(call);
  }

  destroy(): void {
    this.isCut = true;
    for (const call of this.#closers.splice(0)) call();
  }
}

async function deny(
  data: Record<string, string>,
  sockets: readonly Connected[],
  { pods = {}, name = 'denied-machines' }: { pods?: Record<string, Connected>; name?: string } = {},
): Promise<void> {
  const told: { tell?: (change: ObjectChange<never>) => void } = {};
  const feed = {
    follow: async (_type: unknown, tell: (change: ObjectChange<never>) => void) => {
      told.tell = tell;
      return { close: () => {} };
    },
  };
  const listener = {
    cut: (isMeant: (socket: TLSSocket) => boolean) => {
      for (const socket of sockets) if (isMeant(socket as unknown as TLSSocket)) socket.destroy();
    },
  };
  const denied = new DeniedConnections();
  for (const [node, connection] of Object.entries(pods)) denied.notePod(connection, node);
  await denied.follow(feed as never, listener);
  told.tell?.({ change: 'set', object: { metadata: { namespace: 'kube-system', name }, data } as never });
}

const cases: Record<string, [socket: Connected, data: Record<string, string>, isCut: boolean]> = {
  'a machine on the list': [new Connected('system:node:n1', 'system:nodes'), { n1: 'stolen' }, true],
  'a machine with several groups': [new Connected('system:node:n1', ['system:nodes', 'x']), { n1: '' }, true],
  'a certificate on the list': [new Connected('system:kube-proxy'), { [`sha256.${'ab'.repeat(32)}`]: '' }, true],
  'no other machine': [new Connected('system:node:n2', 'system:nodes'), { n1: '' }, false],
  'nobody who only has the name of a machine': [new Connected('n1'), { n1: '' }, false],
  'no administrator': [new Connected('system:node:n1', ['system:masters']), { n1: '' }, false],
  'nobody without a good certificate': [new Connected('system:node:n1', 'system:nodes', false), { n1: '' }, false],
};

describe('a list of machines that are shut out', () => {
  for (const [title, [socket, data, isCut]] of Object.entries(cases)) {
    it(`ends the connections of ${title}`, async () => {
      await deny(data, [socket]);
      assert.equal(socket.isCut, isCut);
    });
  }

  it('ends the connections of pods that run there', async () => {
    const pods = { n1: new Connected(''), n2: new Connected('') };
    await deny({ n1: '' }, [], { pods });
    assert.deepEqual([pods.n1.isCut, pods.n2.isCut], [true, false]);
  });

  it('is no other ConfigMap', async () => {
    const socket = new Connected('system:node:n1', 'system:nodes');
    await deny({ n1: '' }, [socket], { name: 'other' });
    assert.equal(socket.isCut, false);
  });
});
