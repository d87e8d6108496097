import type { Client } from '../../client/client.ts';
import type { Secret } from '../../generated/api/core/v1.ts';
import { secrets } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';

const LAST_USED = 'kubernetes.io/legacy-token-last-used';
const DAY_MS = 24 * 3600 * 1000;

export interface SecretTokenUseDeps {
  /** The server's own; asked for late, since authentication is made before the server. */
  client(): Client | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
}

/**
 * Notes on Secrets the day on which their token was last used, so that those nobody needs can be found and cleaned up.
 * One write a day and Secret; callers do not wait. Source: `pkg/serviceaccount/legacy.go` (patchSecretWithLastUsedDate).
 */
export function secretTokenUse({ client, clock, logger }: SecretTokenUseDeps): (secret: Secret) => void {
  const noted = new Map<string, string>();
  return ({ metadata }) => {
    const { name = '', namespace = '', uid = '', labels } = metadata ?? {};
    const nowMs = clock.nowMs();
    const [today, tomorrow] = [dateOf(nowMs), dateOf(nowMs + DAY_MS)];
    // Another server's clock may be ahead.
    if (labels?.[LAST_USED] === today || labels?.[LAST_USED] === tomorrow || noted.get(uid) === today) return;
    const writer = client();
    if (writer === undefined) return;
    noted.set(uid, today);
    const patch = { metadata: { uid, labels: { [LAST_USED]: today } } } as unknown as Secret & KubeObject;
    writer
      .patch(secrets as ResourceType<Secret & KubeObject>, { namespace, name }, patch, { type: 'merge' })
      .catch((error: unknown) => {
        noted.delete(uid);
        logger.warn('the use of a token was not noted', { namespace, name, error });
      });
  };
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
