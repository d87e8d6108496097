import type { Client } from '../client/client.ts';
import type { Informers } from '../client/informers.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What everything that the server deploys or looks after in its cluster is given. */
export interface AddonDeps {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
}
