import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../testing/embedded-postgres.ts';
import type { Backend, LogEvent } from './backend.ts';
import { openBackend } from './endpoint.ts';
import { StorageError } from './storage-error.ts';

const STEPS = 120;
const KEYS = ['/registry/a/1', '/registry/a/2', '/registry/a/1x', '/registry/a', '/registry/b/1', '/registry/a0'];
const PREFIXES = ['/registry/', '/registry/a', '/registry/a/', '/registry/b/', '/nothing/'];

/** A write, with revisions counted from the start of the test. */
interface Write {
  readonly kind: 'create' | 'update' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly expected: number;
  readonly leaseSeconds: number;
}

type Operation =
  | { readonly do: 'write'; readonly writes: readonly Write[] }
  | { readonly do: 'get'; readonly key: string; readonly revision: number | undefined }
  | {
      readonly do: 'list';
      readonly prefix: string;
      readonly revision: number | undefined;
      readonly startAfter: string | undefined;
      readonly limit: number | undefined;
    }
  | { readonly do: 'compact'; readonly target: number; readonly batchRows: number }
  | { readonly do: 'replay'; readonly after: number }
  | { readonly do: 'reopen' };

/** What an operation tells, the same for every backend. */
type Outcome = unknown;

/** The promises of a backend in the plainest way: a list that is searched from its beginning. */
class Model {
  readonly log: {
    kind: Write['kind'];
    key: string;
    value: string;
    leaseSeconds: number;
    begin: number;
    previous: string | undefined;
  }[] = [];
  compacted = 0;

  newest(key: string, at = this.log.length): number {
    return this.log.slice(0, at).findLastIndex((entry) => entry.key === key) + 1;
  }

  run(operation: Operation): Outcome {
    switch (operation.do) {
      case 'write':
        return operation.writes.map((write) => this.#write(write));
      case 'get':
        return this.#readable(operation.revision, (at) => this.#state(operation.key, at));
      case 'list':
        return this.#readable(operation.revision, (at) => {
          const { prefix, startAfter = '', limit = Number.POSITIVE_INFINITY } = operation;
          const living = KEYS.filter((key) => key.startsWith(prefix) && key > startAfter)
            .sort()
            .map((key) => this.#state(key, at))
            .filter((state) => state !== undefined);
          return { revision: at, items: living.slice(0, limit), more: living.length > limit, count: living.length };
        });
      case 'compact':
        this.compacted = Math.max(this.compacted, Math.min(operation.target, this.log.length));
        return this.compacted;
      case 'replay':
        if (operation.after < this.compacted) return 'compacted';
        return this.log.slice(operation.after).map(({ kind, key, value, leaseSeconds, begin, previous }, index) => {
          const ends = kind === 'delete';
          return [kind, key, operation.after + index + 1, begin, ends ? '' : value, previous, ends ? 0 : leaseSeconds];
        });
      case 'reopen':
        return undefined;
      default:
        return operation satisfies never;
    }
  }

  #write({ kind, key, value, expected, leaseSeconds }: Write): Outcome {
    const at = this.newest(key);
    const entry = this.log[at - 1];
    const living = entry !== undefined && entry.kind !== 'delete';
    if (kind === 'create' && living) return 'key-exists';
    if (kind !== 'create' && !living) return 'key-missing';
    if (kind !== 'create' && at !== expected) return 'revision-moved';
    const begin = kind === 'create' ? this.log.length + 1 : (entry?.begin ?? 0);
    const previous = kind === 'create' ? undefined : entry?.value;
    this.log.push({ kind, key, value, leaseSeconds, begin, previous });
    return this.log.length;
  }

  #state(key: string, at: number): Outcome[] | undefined {
    const revision = this.newest(key, at);
    const entry = this.log[revision - 1];
    if (entry === undefined || entry.kind === 'delete') return undefined;
    return [key, entry.value, entry.begin, revision, entry.leaseSeconds];
  }

  #readable(revision: number | undefined, read: (at: number) => Outcome): Outcome {
    const at = revision ?? this.log.length;
    if (at > this.log.length) return 'future';
    return at < this.compacted ? 'compacted' : read(at);
  }
}

/** A backend that is told revisions from the start of the test. */
class Subject {
  readonly name: string;
  readonly #open: () => Promise<Backend>;
  readonly #isLasting: boolean;
  readonly live: LogEvent[] = [];
  #backend: Backend | undefined;
  #start = 0n;

  constructor(name: string, open: () => Promise<Backend>, options: { isLasting: boolean }) {
    this.name = name;
    this.#open = open;
    this.#isLasting = options.isLasting;
  }

  async start(): Promise<void> {
    this.#backend = await this.#open();
    this.#start = await this.#backend.currentRevision();
    await this.#follow();
  }

  async close(): Promise<void> {
    await this.#backend?.close();
  }

  async run(operation: Operation): Promise<Outcome> {
    const backend = this.#backend as Backend;
    const from = (revision: number | undefined) =>
      revision === undefined ? undefined : this.#start + BigInt(revision);
    const to = (revision: bigint): number => Number(revision - this.#start);
    const told = (event: LogEvent) => {
      const { kind, key, revision, createRevision, value, previousValue, leaseSeconds } = event;
      return [kind, key, to(revision), to(createRevision), value.toString(), previousValue?.toString(), leaseSeconds];
    };
    switch (operation.do) {
      case 'write':
        return await Promise.all(
          operation.writes.map(({ kind, key, value, expected, leaseSeconds }) => {
            const written =
              kind === 'create'
                ? backend.create(key, Buffer.from(value), { leaseSeconds })
                : kind === 'update'
                  ? backend.update(key, Buffer.from(value), from(expected) ?? 0n, { leaseSeconds })
                  : backend.delete(key, from(expected) ?? 0n);
            return written.then(to, faultOf);
          }),
        );
      case 'get':
        return await backend.get(operation.key, from(operation.revision)).then((item) => {
          if (item === undefined) return undefined;
          return [item.key, item.value.toString(), to(item.createRevision), to(item.modRevision), item.leaseSeconds];
        }, faultOf);
      case 'list': {
        const { prefix, startAfter, limit } = operation;
        const revision = from(operation.revision);
        return await backend.list(prefix, { revision, startAfter, limit }).then(
          async (page) => ({
            revision: to(page.revision),
            items: page.items
              .filter(({ key }) => key !== '/registry/health')
              .map((item) => [
                item.key,
                item.value.toString(),
                to(item.createRevision),
                to(item.modRevision),
                item.leaseSeconds,
              ]),
            more: page.more,
            count: await backend.count(prefix, { revision, startAfter }),
          }),
          faultOf,
        );
      }
      case 'compact': {
        const { target, batchRows } = operation;
        const { revision } = await backend.compact(from(target) ?? 0n, { keepRevisions: 0, batchRows });
        return Math.max(0, to(revision));
      }
      case 'replay': {
        const events: LogEvent[] = [];
        const subscriber = { events: (more: readonly LogEvent[]) => void events.push(...more), failed: assert.fail };
        return await backend.subscribe(from(operation.after) ?? 0n, subscriber).then((subscription) => {
          subscription.close();
          return events.map(told);
        }, faultOf);
      }
      case 'reopen':
        if (!this.#isLasting) return undefined;
        await backend.close();
        this.#backend = await this.#open();
        await this.#follow();
        return undefined;
      default:
        return operation satisfies never;
    }
  }

  async #follow(): Promise<void> {
    const backend = this.#backend as Backend;
    const subscriber = { events: (more: readonly LogEvent[]) => void this.live.push(...more), failed: assert.fail };
    await backend.subscribe(await backend.currentRevision(), subscriber);
  }

  /** The revisions that were told live, from the start of the test. */
  get told(): number[] {
    return this.live.map(({ revision }) => Number(revision - this.#start));
  }
}

function faultOf(error: unknown): string {
  if (error instanceof StorageError) return error.fault;
  throw error;
}

/** Numbers from a seed (mulberry32), so that a failure can be run again. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below) | 0;
  };
}

function nextOperation(model: Model, random: (below: number) => number): Operation {
  const pick = <T>(all: readonly T[]): T => all[random(all.length)] as T;
  const revision = (): number | undefined => (random(3) === 0 ? undefined : random(model.log.length + 2));
  const write = (): Write => {
    const key = pick(KEYS);
    const expected = random(5) === 0 ? random(model.log.length + 2) : model.newest(key);
    const value = random(12) === 0 ? '' : `${random(1000)}`;
    return {
      kind: pick(['create', 'update', 'update', 'delete']),
      key,
      value,
      expected,
      leaseSeconds: pick([0, 0, 3660]),
    };
  };
  const dice = random(100);
  if (dice < 55) return { do: 'write', writes: Array.from({ length: pick([1, 1, 1, 2, 5, 12]) }, write) };
  if (dice < 68) return { do: 'get', key: pick(KEYS), revision: revision() };
  if (dice < 86) {
    const startAfter = pick([undefined, undefined, ...KEYS, '/registry/a/']);
    // The rows that a backend begins with are in the way of a limit on everything.
    return {
      do: 'list',
      prefix: pick(PREFIXES.slice(1)),
      revision: revision(),
      startAfter,
      limit: pick([undefined, 1, 2, 3]),
    };
  }
  if (dice < 90) return { do: 'compact', target: random(model.log.length + 1), batchRows: pick([1, 3, 1000]) };
  if (dice < 98) return { do: 'replay', after: random(model.log.length + 1) };
  return { do: 'reopen' };
}

const { skip } = findPostgres();

describe('backends in step with a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-step-'));
  const postgres: { server?: EmbeddedPostgres } = {};
  before(async () => {
    if (skip === false) postgres.server = await startPostgres();
  });
  after(async () => {
    await postgres.server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const options = { defaultPath: '', clock: systemClock, logger: silentLogger };
  const engines: Record<string, { skip?: string | false; endpoint: (seed: number) => string }> = {
    memory: { endpoint: () => 'memory://' },
    SQLite: { endpoint: (seed) => `sqlite://${join(folder, `${seed}.db`)}` },
    PostgreSQL: { skip, endpoint: (seed) => postgres.server?.endpoint(`step${seed}`) ?? '' },
  };
  for (const [name, { skip = false, endpoint }] of Object.entries(engines)) {
    for (const seed of [1, 2, 3, 4, 124]) {
      it(`${name} does what the model does, with seed ${seed}`, { skip }, async () => {
        const random = seeded(seed);
        const model = new Model();
        const subject = new Subject(name, () => openBackend(endpoint(seed), options), { isLasting: name !== 'memory' });
        await subject.start();
        try {
          for (let step = 0; step < STEPS; step++) {
            const operation = nextOperation(model, random);
            const expected = model.run(operation);
            const found = await subject.run(operation);
            assert.deepEqual(
              found,
              expected,
              `step ${step}, ${JSON.stringify(operation)}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`,
            );
          }
          assert.deepEqual(
            subject.told,
            model.log.map((_, index) => index + 1),
          );
        } finally {
          await subject.close();
        }
      });
    }
  }
});
