import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  renameSync,
  statSync,
  type WriteStream,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../std/clock.ts';

/** A file is set aside when it reaches this size; one older file is kept. */
const ROTATE_BYTES = 10 * 1024 * 1024;

/** What a kubelet takes from a log as last words. Source: pkg/kubelet/container/runtime.go (MaxContainerTerminationMessageLog*). */
const MESSAGE_LINES = 80;
const MESSAGE_BYTES = 2048;

/** The output of one container in the form that container runtimes keep: time, stream, `F`, text. */
export class ContainerLog {
  readonly path: string;
  readonly #clock: Clock;
  readonly #followers = new Set<(line: string) => void>();
  #stream: WriteStream | undefined;
  #bytes = 0;
  readonly #last: string[] = [];
  readonly #partial: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  /** Takes a piece of output, cut anywhere; whole lines are written. */
  append(source: 'stdout' | 'stderr', chunk: string): void {
    const lines = (this.#partial[source] + chunk).split('\n');
    this.#partial[source] = lines.pop() ?? '';
    for (const line of lines) this.#writeLine(source, line);
  }

  /** Writes what is left of unfinished lines. */
  flush(): void {
    for (const source of ['stdout', 'stderr'] as const) {
      if (this.#partial[source] !== '') this.#writeLine(source, this.#partial[source]);
      this.#partial[source] = '';
    }
  }

  /** The last lines of this process's output, at most `MESSAGE_LINES` and `MESSAGE_BYTES` of them. */
  tail(): string {
    return this.#last.join('\n').slice(-MESSAGE_BYTES);
  }

  /** Calls with each further line until the returned function is called. */
  follow(take: (line: string) => void): () => void {
    this.#followers.add(take);
    return () => this.#followers.delete(take);
  }

  /** All lines that are kept, oldest first. */
  async *read(): AsyncIterable<string> {
    for (const path of [`${this.path}.1`, this.path]) {
      if (!existsSync(path)) continue;
      let rest = '';
      for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        yield* lines;
      }
    }
  }

  async close(): Promise<void> {
    this.flush();
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream !== undefined) await new Promise((resolve) => stream.end(resolve));
  }

  #writeLine(source: 'stdout' | 'stderr', text: string): void {
    const line = `${new Date(this.#clock.nowMs()).toISOString().replace('Z', '000000Z')} ${source} F ${text}`;
    this.#rotate();
    this.#stream ??= this.#open();
    this.#stream.write(`${line}\n`);
    this.#bytes += line.length + 1;
    this.#last.push(text);
    if (this.#last.length > MESSAGE_LINES) this.#last.shift();
    for (const take of this.#followers) take(line);
  }

  #open(): WriteStream {
    this.#bytes = existsSync(this.path) ? statSync(this.path).size : 0;
    return createWriteStream(this.path, { flags: 'a', mode: 0o600 });
  }

  #rotate(): void {
    if (this.#bytes < ROTATE_BYTES) return;
    this.#stream?.end();
    this.#stream = undefined;
    renameSync(this.path, `${this.path}.1`);
    this.#bytes = 0;
  }
}
