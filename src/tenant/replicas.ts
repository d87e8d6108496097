import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Backend } from '../datastore/backend.ts';
import type { Pki } from '../pki/bundle.ts';
import { DAY_MS, issueCertificate } from '../pki/certificate.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { REPLICA_NAME } from '../tunnel/relay/messages.ts';
import { type Peer, RelayDialer } from '../tunnel/relay/relay-dialer.ts';
import { type HeldTunnels, openRelayListener, type RelayIdentity } from '../tunnel/relay/relay-listener.ts';
import { putLeased, removeLeased } from './leased-keys.ts';

/**
 * Where servers tell each other how they are reached. No request to the API leads to a key outside of `/registry/`:
 * whoever may do everything in the cluster can still not make a server dial anywhere.
 */
const PREFIX = '/warren/replicas/';
const LEASE_SECONDS = 15;
const RENEW_MS = 10_000;
const NAME_SUFFIX = '.replica.warren.internal';

export interface ReplicasOptions {
  readonly backend: Backend;
  readonly pki: Pick<Pki, 'requestHeader'>;
  readonly tunnels: HeldTunnels;
  /** Where to listen for other servers. */
  readonly bindAddress: string;
  /** 0: any. */
  readonly port: number;
  /** The address at which other servers reach this one. */
  readonly address: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Replicas {
  /** Opens a stream to a node through whichever server has its tunnel. */
  dial(nodeName: string, host: string, port: number, signal: AbortSignal): Promise<Duplex>;
  leave(): Promise<void>;
}

/** Makes this server one of several: its tunnels serve the others, and theirs serve it (docs/design/0004-tunnels-of-replicas.md). */
export async function joinReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { backend, pki, tunnels, bindAddress, port, address, clock, logger } = options;
  const id = randomUUID();
  const state = { identity: issueIdentity(pki, id, clock), work: Promise.resolve(), left: false };
  const listener = await openRelayListener({
    host: bindAddress,
    port,
    identity: state.identity,
    tunnels,
    clock,
    logger,
  });
  const value = Buffer.from(`${JSON.stringify({ address, port: listener.port })}\n`);
  const key = PREFIX + id;
  const tell = (): Promise<void> => putLeased(backend, key, value, { leaseSeconds: LEASE_SECONDS });
  try {
    await tell();
  } catch (error) {
    listener.close();
    throw error;
  }
  const renewal = clock.every(RENEW_MS, () => {
    state.work = state.work.then(async () => {
      if (!state.left) await tell().catch((error) => logger.warn('other servers may miss this one', { error }));
    });
  });
  const renewIdentity = clock.every(DAY_MS, () => {
    state.identity = issueIdentity(pki, id, clock);
    listener.setIdentity(state.identity);
  });
  const dialer = new RelayDialer({
    tunnels,
    peers: async () => {
      const { items } = await backend.list(PREFIX);
      return items.filter((item) => item.key !== key).flatMap((item) => toPeer(item.key, item.value));
    },
    identity: () => state.identity,
    clock,
  });
  return {
    dial: (...args) => dialer.dial(...args),
    async leave() {
      state.left = true;
      renewal.cancel();
      renewIdentity.cancel();
      await state.work;
      await removeLeased(backend, key).catch((error) =>
        logger.warn('other servers look for this one, for some seconds', { error }),
      );
      listener.close();
    },
  };
}

/**
 * Signed by the authority of front proxies, which signs nothing that anybody in the cluster can ask for: the one of
 * clients signs what its users want by a CertificateSigningRequest, and the one of servers what nodes want.
 */
function issueIdentity({ requestHeader }: Pick<Pki, 'requestHeader'>, id: string, clock: Clock): RelayIdentity {
  const { chainPem, keyPem = '' } = issueCertificate(
    requestHeader,
    {
      commonName: REPLICA_NAME,
      organizations: [],
      usages: ['client', 'server'],
      names: [id + NAME_SUFFIX],
    },
    { nowMs: clock.nowMs() },
  );
  return { certPem: chainPem, keyPem, caPem: requestHeader.certPem };
}

/** Nothing where a later version has written something else. */
function toPeer(key: string, value: Buffer): Peer[] {
  try {
    const { address, port } = JSON.parse(value.toString('utf8')) as { address?: unknown; port?: unknown };
    if (typeof address !== 'string' || typeof port !== 'number') return [];
    return [{ name: key.slice(PREFIX.length) + NAME_SUFFIX, host: address, port }];
  } catch {
    return [];
  }
}
