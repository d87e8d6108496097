import type { Client, Notification } from 'pg';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { connect } from './connect.ts';
import { retryDelayMs } from './connections.ts';
import type { PostgresSettings } from './settings.ts';

export interface ListenerOptions {
  readonly settings: PostgresSettings;
  readonly channel: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called for each write of another server, and after each time in which calls may have been missed. */
  onWrite(processId: number | undefined): void;
}

/** Keeps a connection on which PostgreSQL tells of writes. While it is down, the poll has to do. */
export class Listener {
  readonly #options: ListenerOptions;
  #client: Client | undefined;
  #stopped = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    void this.#keep();
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#client?.end().catch(() => {});
  }

  async #keep(): Promise<void> {
    const { clock, logger, onWrite } = this.#options;
    for (let failures = 0; !this.#stopped; ) {
      try {
        await this.#listen(() => {
          failures = 0;
          onWrite(undefined);
        });
      } catch (error) {
        if (failures === 0 && !this.#stopped) logger.warn('others are heard by polling only, trying again', { error });
      }
      if (!this.#stopped) await clock.sleep(retryDelayMs(failures++));
    }
  }

  /** Listens until the connection ends. */
  async #listen(onOpen: () => void): Promise<void> {
    const { channel, onWrite, settings } = this.#options;
    const client = await connect(settings);
    this.#client = client;
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('notification', ({ processId }: Notification) => onWrite(processId));
    await client.query(`LISTEN ${channel}`);
    if (this.#stopped) await client.end();
    onOpen();
    await ended;
    this.#client = undefined;
  }
}
