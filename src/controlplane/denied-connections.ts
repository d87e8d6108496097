import type { TLSSocket } from 'node:tls';
import type { ObjectFeed } from '../apiserver/authz/object-feed.ts';
import type { Connection } from '../apiserver/call.ts';
import type { Listener } from '../apiserver/listener/https.ts';
import { configmaps } from '../generated/resource-types.ts';
import { DENIED_MACHINES, type DeniedMachines, isDenied } from '../pki/denied-machines.ts';

const ADMINISTRATORS = 'system:masters';

/**
 * Ends what machines have open at the moment when they are shut out: requests are judged when they come, and a watch, a
 * stream or a tunnel that was let in before would go on. Each server ends what ends at it.
 */
export class DeniedConnections {
  readonly #ofPods = new Map<string, Set<Connection>>();

  /** Remembers a connection that a pod of the node uses, which shows no certificate of the machine. */
  notePod(connection: Connection, nodeName: string): void {
    const key = nodeName.toLowerCase();
    const known = this.#ofPods.get(key) ?? new Set();
    if (known.has(connection)) return;
    this.#ofPods.set(key, known.add(connection));
    connection.once('close', () => {
      known.delete(connection);
      if (known.size === 0 && this.#ofPods.get(key) === known) this.#ofPods.delete(key);
    });
  }

  /** Ends the connections of those on the list whenever it changes. */
  async follow(feed: ObjectFeed, listener: Pick<Listener, 'cut'>): Promise<{ close(): void }> {
    return await feed.follow(configmaps, ({ change, object }) => {
      const { namespace, name } = object.metadata;
      if (change === 'gone' || name !== DENIED_MACHINES.name || namespace !== DENIED_MACHINES.namespace) return;
      this.#cut(object.data ?? {}, listener);
    });
  }

  #cut(denied: DeniedMachines, listener: Pick<Listener, 'cut'>): void {
    listener.cut((socket) => isMachineDenied(denied, socket));
    for (const nodeName of Object.keys(denied)) {
      for (const connection of [...(this.#ofPods.get(nodeName) ?? [])]) connection.destroy();
    }
  }
}

function isMachineDenied(denied: DeniedMachines, socket: TLSSocket): boolean {
  if (!socket.authorized) return false;
  const { subject, fingerprint256 } = socket.getPeerCertificate();
  const { CN: name = '', O: organization } = subject ?? {};
  if ([organization].flat().includes(ADMINISTRATORS)) return false;
  return isDenied(denied, String(name), fingerprint256);
}
