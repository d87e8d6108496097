import type { Logger } from '../../telemetry/logger.ts';
import type { Connections } from './connections.ts';

/** Rows that may be dead before it is worth looking at the table: so many, and this share of what it holds. */
const LEAST_ROWS = 2_000;
const SHARE = 0.05;

/**
 * Makes room for new rows where compaction removed old ones. PostgreSQL's own daemon waits until a fifth of a table is
 * dead, looks once a minute, and is slowed down on purpose: a table that churns outgrows it. Nobody waits for a vacuum, and
 * it holds nobody up; a user who does not own the table is left to the daemon.
 */
export class Vacuum {
  readonly #connections: Connections;
  readonly #logger: Logger;
  #removed = 0;

  constructor(connections: Connections, logger: Logger) {
    this.#connections = connections;
    this.#logger = logger;
  }

  /** To be told how many rows were removed. Never rejects. */
  async removed(rows: number): Promise<void> {
    this.#removed += rows;
    if (this.#removed < LEAST_ROWS) return;
    try {
      const [table] = await this.#connections.query<{ rows: string }>(
        "SELECT reltuples AS rows FROM pg_class WHERE oid = 'kine'::regclass",
      );
      if (this.#removed < Number(table?.rows ?? 0) * SHARE) return;
      this.#removed = 0;
      await this.#connections.use((client) => client.query('VACUUM (ANALYZE) kine'), { limitMs: 0 });
    } catch (error) {
      this.#logger.debug('the table was not vacuumed', { error });
    }
  }
}
