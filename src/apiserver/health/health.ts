import type { Answer, AuthenticatedCall } from '../call.ts';
import { pageNotFound } from '../route-errors.ts';

/** One thing that must be well. `check` throws, or rejects, where it is not. */
export interface HealthCheck {
  readonly name: string;
  check(signal: AbortSignal): void | Promise<void>;
}

export interface HealthOptions {
  /** Both of the following in one, as older probes ask. Default: those of `livez`. */
  readonly healthz?: readonly HealthCheck[] | undefined;
  /** Whether the process works at all: a failure means that it should be started anew. */
  readonly livez: readonly HealthCheck[];
  /** Whether it should get requests. */
  readonly readyz: readonly HealthCheck[];
  /** Told how each check went, but where a path asks for one. */
  readonly onResult?: ((path: string, check: string, isWell: boolean) => void) | undefined;
  /** Told of checks that fail; clients only learn their names. */
  readonly onFailure?: ((path: string, check: string, error: unknown) => void) | undefined;
}

const ping: HealthCheck = { name: 'ping', check: () => {} };
const plain = { contentType: 'text/plain; charset=utf-8', headers: { 'X-Content-Type-Options': 'nosniff' } };

/**
 * Answers `/healthz`, `/livez` and `/readyz`, with `?verbose` and `?exclude=`, and each check below its own path.
 * Undefined for other paths. Source: apiserver `pkg/server/healthz/healthz.go`.
 */
export function createHealthPaths(options: HealthOptions): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  const { onFailure, onResult } = options;
  const sets: Readonly<Record<string, readonly HealthCheck[] | undefined>> = {
    healthz: [ping, ...(options.healthz ?? options.livez)],
    livez: [ping, ...options.livez],
    readyz: [ping, ...options.readyz],
  };
  return (call) => {
    const [, title = '', ...rest] = call.path.split('/');
    const checks = sets[title];
    if (checks === undefined) return undefined;
    const name = rest.join('/');
    if (name !== '' || rest.length > 0) return answerOne(call, checks, name);
    return answerAll(call, checks, { title, onFailure, onResult });
  };
}

async function answerOne(call: AuthenticatedCall, checks: readonly HealthCheck[], name: string): Promise<Answer> {
  const check = checks.find((each) => each.name === name);
  if (check === undefined) return pageNotFound;
  try {
    await check.check(call.signal);
    return { kind: 'bytes', status: 200, ...plain, body: Buffer.from('ok') };
  } catch (error) {
    const text = `internal server error: ${error instanceof Error ? error.message : String(error)}\n`;
    return { kind: 'bytes', status: 500, ...plain, body: Buffer.from(text) };
  }
}

async function answerAll(
  call: AuthenticatedCall,
  checks: readonly HealthCheck[],
  { title, onFailure, onResult }: { title: string } & Pick<HealthOptions, 'onFailure' | 'onResult'>,
): Promise<Answer> {
  const excluded = new Set(call.query.getAll('exclude'));
  const unknown = [...excluded].filter((name) => !checks.some((check) => check.name === name)).sort();
  const results = await Promise.all(
    checks.map(async ({ name, check }) => {
      if (excluded.has(name)) return { line: `[+]${name} excluded: ok\n`, failed: false };
      try {
        await check(call.signal);
        onResult?.(title, name, true);
        return { line: `[+]${name} ok\n`, failed: false };
      } catch (error) {
        onFailure?.(title, name, error);
        onResult?.(title, name, false);
        return { line: `[-]${name} failed: reason withheld\n`, failed: true };
      }
    }),
  );
  const warning =
    unknown.length === 0
      ? ''
      : `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(',')}\n`;
  const lines = results.map(({ line }) => line).join('') + warning;
  if (results.some(({ failed }) => failed)) {
    return { kind: 'bytes', status: 500, ...plain, body: Buffer.from(`${lines}${title} check failed\n`) };
  }
  const body = call.query.has('verbose') ? `${lines}${title} check passed\n` : 'ok';
  return { kind: 'bytes', status: 200, ...plain, body: Buffer.from(body) };
}
