/**
 * Conversations with an API server, written down as YAML: what is asked in order, and what must be answered.
 * `testdata/conversations/README.md` tells the form.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readKubeconfig, type ServerAccess } from '../src/client/kubeconfig.ts';
import { eventually } from './program.ts';

export interface Step {
  /** Method and path, such as `GET /api/v1/pods`. */
  readonly do: string;
  /** An object, which goes out as JSON, or the text of a body. */
  readonly send?: unknown;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whom to impersonate, with which groups. */
  readonly as?: string;
  readonly groups?: readonly string[];
  /** A token in place of the administrator's certificate; empty for no credentials at all. */
  readonly bearer?: string;
  /** Reads so many events of a watch; the body is then their list. */
  readonly watch?: number;
  /** Asks again until the answer is as expected; else the first one counts. */
  readonly until?: boolean;
  readonly save?: Readonly<Record<string, string>>;
  readonly keep?: Readonly<Record<string, string>>;
  /** What is expected: the status code, a part of the body, some headers, all warnings. */
  readonly code: number;
  readonly body?: unknown;
  readonly answers?: Readonly<Record<string, string>>;
  readonly warns?: readonly string[];
}

export interface Conversation {
  /** A sentence that continues with what the server does. */
  readonly it: string;
  readonly steps: readonly Step[];
}

export interface Area {
  readonly name: string;
  readonly conversations: readonly Conversation[];
}

/** Every area of a folder: a file each. */
export function readAreas(folder: string): readonly Area[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => ({
      name: name.replace('.yaml', ''),
      conversations: parse(readFileSync(join(folder, name), 'utf8'), { merge: true }) as Conversation[],
    }));
}

interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly warnings: readonly string[];
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown;
}

/** Holds conversations with one server, as its administrator where a step does not say otherwise. */
export class Conversationalist implements Disposable {
  readonly #access: ServerAccess;
  readonly #agent: Agent;
  readonly #stranger: Agent;
  #held = 0;

  constructor(kubeconfig: string) {
    this.#access = readKubeconfig(kubeconfig);
    const { ca, clientCert: cert, clientKey: key } = this.#access;
    this.#agent = new Agent({ keepAlive: true, ca, cert, key });
    this.#stranger = new Agent({ keepAlive: true, ca });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
    this.#stranger.destroy();
  }

  /** Goes through all steps in a namespace of their own. @throws AssertionError at the first wrong answer. */
  async hold({ steps }: Conversation): Promise<void> {
    const id = `talk-${this.#held++}`;
    const variables: Record<string, string> = { ns: id, id };
    await this.#ask({ do: 'POST /api/v1/namespaces', send: { metadata: { name: id } }, code: 201 });
    await this.#expect({ do: `GET /api/v1/namespaces/${id}/serviceaccounts/default`, code: 200, until: true });
    for (const [index, written] of steps.entries()) {
      const step = fill(written, variables) as Step;
      try {
        const { body, headers } = await this.#expect(step);
        for (const [name, path] of Object.entries(step.save ?? {})) variables[name] = String(at(body, path));
        for (const [name, header] of Object.entries(step.keep ?? {}))
          variables[name] = `${headers[header.toLowerCase()]}`;
      } catch (error) {
        if (error instanceof Error) error.message = `step ${index + 1}, ${step.do}: ${error.message}`;
        throw error;
      }
    }
    await this.#ask({ do: `DELETE /api/v1/namespaces/${id}`, code: 200 });
  }

  async #expect(step: Step): Promise<Answer> {
    const check = async (): Promise<Answer> => {
      const answer = await this.#ask(step);
      checkAnswer(step, answer);
      return answer;
    };
    return step.until === true ? await eventually(check, { pauseMs: 20 }) : await check();
  }

  async #ask(step: Step): Promise<Answer> {
    const [, method = '', path = ''] = /^(\S+) (.*)$/.exec(step.do) ?? [];
    const { send } = step;
    const body = send === undefined || typeof send === 'string' ? send : JSON.stringify(send);
    const headers = {
      Accept: step.accept ?? 'application/json',
      'User-Agent': 'conversation/1',
      ...(body === undefined
        ? {}
        : { 'Content-Type': step.type ?? 'application/json', 'Content-Length': Buffer.byteLength(body) }),
      ...(step.as === undefined ? {} : { 'Impersonate-User': step.as }),
      ...(step.groups === undefined ? {} : { 'Impersonate-Group': [...step.groups] }),
      ...(step.bearer ? { Authorization: `Bearer ${step.bearer}` } : {}),
      ...step.headers,
    };
    const agent = step.bearer === undefined ? this.#agent : this.#stranger;
    return await new Promise((resolve, reject) => {
      const call = request(new URL(path, this.#access.server), { method, headers, agent }, (response) => {
        let text = '';
        const finish = (): void => {
          const warnings = response.headersDistinct['warning'] ?? [];
          const events = step.watch === undefined ? undefined : text.trim().split('\n').slice(0, step.watch);
          const parsed = events === undefined ? parseBody(text) : events.map(parseBody);
          resolve({ code: response.statusCode ?? 0, headers: response.headers, warnings, body: parsed });
        };
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (step.watch === undefined || text.split('\n').length <= step.watch) return;
          finish();
          call.destroy();
        });
        response.on('end', finish);
      });
      call.on('error', reject);
      call.end(body);
    });
  }
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function checkAnswer(step: Step, { code, headers, warnings, body }: Answer): void {
  assert.equal(code, step.code, `the code is ${code}, not ${step.code}: ${JSON.stringify(body)?.slice(0, 1000)}`);
  for (const fault of differences(step.body, body, '')) assert.fail(fault);
  for (const [name, wanted] of Object.entries(step.answers ?? {})) {
    for (const fault of differences(wanted, headers[name.toLowerCase()], `header ${name}`)) assert.fail(fault);
  }
  const texts = warnings.map((line) => /^299 - "(.*)"$/.exec(line)?.[1]?.replaceAll('\\"', '"') ?? line);
  for (const fault of differences(step.warns ?? [], texts, 'warnings')) assert.fail(fault);
}

/**
 * Where an answer is not as it was written down. Objects may hold more than is written, and `null` stands for a field
 * that must not be there; lists have as many items as are written; a text between slashes is a pattern.
 */
function* differences(wanted: unknown, got: unknown, path: string): Generator<string> {
  if (wanted === undefined) return;
  const tell = (): string => `${path || 'the body'}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`;
  if (wanted === null) {
    if (got !== undefined) yield tell();
  } else if (Array.isArray(wanted)) {
    if (!Array.isArray(got) || got.length !== wanted.length) yield tell();
    else for (const [index, item] of wanted.entries()) yield* differences(item, got[index], `${path}[${index}]`);
  } else if (typeof wanted === 'object') {
    if (typeof got !== 'object' || got === null || Array.isArray(got)) yield tell();
    else {
      for (const [key, value] of Object.entries(wanted)) {
        yield* differences(value, (got as Record<string, unknown>)[key], `${path}.${key}`);
      }
    }
  } else {
    const pattern = typeof wanted === 'string' ? /^\/(.*)\/$/s.exec(wanted)?.[1] : undefined;
    const matches = pattern === undefined ? wanted === got : new RegExp(pattern, 's').test(String(got));
    if (!matches) yield tell();
  }
}

/** Puts values in the place of `${name}` in all texts, and `${text*N}` N times. */
function fill(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{(\w+)(?:\*(\d+))?\}/g, (whole, name: string, times?: string) =>
      times === undefined ? (variables[name] ?? whole) : name.repeat(Number(times)),
    );
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [`${fill(key, variables)}`, fill(item, variables)]),
  );
}

/** The value at a path such as `metadata.uid` or `items.0.metadata.name`. */
function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}
