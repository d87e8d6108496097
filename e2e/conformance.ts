/**
 * Replays conversations that were recorded with kube-apiserver 1.36 and tells where a tenant answers otherwise:
 *
 *   npm run conformance [-- AREA...]
 *
 * The recordings are not part of the repository: they lie in `../shared/behaviour` beside it, with the program that
 * replays them (Python 3 with PyYAML). Where they are not there, this says so and checks nothing. A case that differs
 * must be named with its reason in `docs/compat/conversations.yaml`; any other one fails the run.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { run } from './clients.ts';
import { startWarrenServer } from './warren-server.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, '..', 'shared', 'behaviour');
const list = join(root, 'docs', 'compat', 'conversations.yaml');
const REPLAY_TIMEOUT_MS = 10 * 60_000;
/** They wait more than they work. */
const SIDE_BY_SIDE = 3;

/** By area and name of the case: the reason. */
type KnownDifferences = Readonly<Record<string, Readonly<Record<string, string>> | null>>;

interface Replay {
  readonly area: string;
  readonly passed: number;
  /** What differs, by name of the case. */
  readonly differs: ReadonlyMap<string, string>;
}

async function replay(area: string, kubeconfig: string): Promise<Replay> {
  const args = ['behave.py', 'compare', kubeconfig, `${area}.yaml`, `${area}.golden.json`, '-v'];
  const { stdout, stderr } = await run('python3', args, { cwd: folder, timeoutMs: REPLAY_TIMEOUT_MS });
  const passed = /^(\d+) passed, \d+ failed$/m.exec(stdout)?.[1];
  if (passed === undefined) throw new Error(`${area} was not replayed: ${stderr || stdout}`);
  const differs = new Map<string, string>();
  for (const [, name = '', rest = ''] of stdout.matchAll(/^DIFFERS (.*)\n((?: {2}.*\n)*)/gm)) differs.set(name, rest);
  return { area, passed: Number(passed), differs };
}

/** Prints one area; returns how many of its cases differ and are not known to. */
function report({ area, passed, differs }: Replay, known: Readonly<Record<string, string>>): number {
  const unknown = [...differs.keys()].filter((name) => known[name] === undefined);
  const expected = differs.size - unknown.length;
  console.log(`${area}: ${passed} agree, ${expected} differ as listed, ${unknown.length} differ otherwise`);
  for (const name of unknown) console.log(`  DIFFERS ${name}\n${differs.get(name)?.replace(/^/gm, '  ').trimEnd()}`);
  for (const name of Object.keys(known)) {
    if (!differs.has(name)) console.log(`  "${name}" agrees by now, or is gone: take it off the list`);
  }
  return unknown.length;
}

async function main(wanted: readonly string[]): Promise<number> {
  if (!existsSync(folder)) {
    console.log('conformance: there are no recordings in ../shared/behaviour, so nothing was compared');
    return 0;
  }
  const known = (parse(readFileSync(list, 'utf8')) ?? {}) as KnownDifferences;
  const recorded = readdirSync(folder).flatMap((name) => /^(.*)\.golden\.json$/.exec(name)?.[1] ?? []);
  const areas = wanted.length > 0 ? wanted : recorded.sort();
  await using server = await startWarrenServer();
  const replays: Replay[] = [];
  const waiting = [...areas];
  const work = async (): Promise<void> => {
    for (let area = waiting.shift(); area !== undefined; area = waiting.shift()) {
      replays.push(await replay(area, server.kubeconfig));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  replays.sort((a, b) => a.area.localeCompare(b.area));
  const unknown = replays.reduce((sum, each) => sum + report(each, known[each.area] ?? {}), 0);
  console.log(
    unknown === 0 ? 'conformance: no other difference than the listed ones' : `conformance: ${unknown} faults`,
  );
  return unknown === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
