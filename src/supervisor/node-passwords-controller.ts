import type { Client } from '../client/client.ts';
import type { Informers } from '../client/informers.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { secretNameOf } from './node-password.ts';

/**
 * Frees a node's name when the node is deleted, so that a wiped machine may come back under it. Works from the event:
 * a password whose node never appeared stays, since its machine may be on its way.
 *
 * @returns how to stop.
 */
export function releaseNodePasswords(client: Client, informers: Informers, logger: Logger): () => void {
  return informers.for(nodes).addHandler({
    deleted({ metadata }) {
      const name = secretNameOf(metadata.name ?? '');
      client.delete(secrets, { namespace: 'kube-system', name }).catch((error) => {
        if (!isNotFound(error)) logger.warn('a node password was not removed', { nodeName: metadata.name, error });
      });
    },
  });
}
