/**
 * Checks what the compiler cannot: layers, cycles, banned calls, room names, paths named in ARCHITECTURE.md.
 *
 *   node hack/verify.ts
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const src = join(root, 'src');
const layers = JSON.parse(readFileSync(join(root, 'hack/layers.json'), 'utf8')) as Record<string, string[]>;
const faults: string[] = [];

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === 'testdata' || name === 'node_modules' ? [] : filesBelow(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

/** Relative imports of a file with whether each is for types alone (which Node erases). */
function importsOf(text: string): { target: string; typeOnly: boolean }[] {
  const found: { target: string; typeOnly: boolean }[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?[^'"`;]*?from\s+['"](\.[^'"]+)['"]/gm)) {
    found.push({ target: match[2] as string, typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/\bimport\(\s*['"](\.[^'"]+)['"]\s*\)/g)) {
    found.push({ target: match[1] as string, typeOnly: true });
  }
  return found;
}

const roomOf = (path: string): string => relative(src, path).split('/')[0] as string;
const mayImport = (from: string, to: string): boolean => {
  const allowed = layers[from] ?? [];
  if (allowed.includes(`!${to}`)) return false;
  return from === to || allowed.includes('*') || allowed.includes(to);
};

const graph = new Map<string, string[]>();
for (const file of filesBelow(src)) {
  const path = relative(root, file);
  const text = readFileSync(file, 'utf8');
  const isTest = /\.(test|conformance)\.ts$/.test(file) || path.startsWith('src/testing/');
  const room = roomOf(file);
  const runtime: string[] = [];
  for (const { target, typeOnly } of importsOf(text)) {
    const to = resolve(dirname(file), target);
    if (!existsSync(to)) {
      faults.push(`${path}: imports ${target}, which is not there`);
      continue;
    }
    if (to.startsWith(src)) {
      const other = roomOf(to);
      if (other === 'testing' && !isTest) faults.push(`${path}: only tests may import src/testing`);
      else if (other !== 'testing' && !isTest && room !== 'main.ts' && !mayImport(room, other)) {
        faults.push(`${path}: layer ${room} may not import ${other} (hack/layers.json)`);
      }
      if (!typeOnly) runtime.push(to);
    } else if (!isTest && !to.endsWith('package.json'))
      faults.push(`${path}: imports ${relative(root, to)}, outside src`);
    if (/\/apiserver\/(verbs|registry|storage)\//.test(file) && to.startsWith(join(src, 'resources')) && !isTest) {
      faults.push(`${path}: verbs, registry and storage know no built-in kind`);
    }
  }
  graph.set(file, runtime);
  if (path.startsWith('src/generated/')) continue;
  if (/(^|\/)(utils?|helpers?|common|misc|types)(\.ts$|\/)/.test(path))
    faults.push(`${path}: a room without a name of its own`);
  if (/\b(it|test|describe)\.(skip|only|todo)\(/.test(text)) faults.push(`${path}: cuts a test short`);
  if (isTest) continue;
  const code = text.replace(/\/\*[\s\S]*?\*\/|(^|[^:'"`])\/\/.*$/gm, '$1');
  const ban = (pattern: RegExp, allowed: boolean, what: string): void => {
    if (!allowed && pattern.test(code)) faults.push(`${path}: ${what}`);
  };
  const outer = /^src\/(cli|main\.ts)/.test(path);
  ban(/\bprocess\.env\b/, outer || /(^|\/)config\.ts$/.test(path), 'reads the environment outside config.ts');
  ban(/\bDate\.now\(|\bnew Date\(\)/, path === 'src/std/clock.ts', 'reads the time outside std/clock.ts');
  ban(
    /(?<![.\w])(setTimeout|setInterval)\(|globalThis\.set/,
    outer || path === 'src/std/clock.ts',
    'sets a timer outside std/clock.ts',
  );
  ban(/\bconsole\.\w+\(/, outer, 'writes to the console outside cli/');
  ban(/^export default/m, false, 'has a default export');
  ban(/^let /m, false, 'keeps state in the module');
}

/** Depth-first search for import cycles; each is told once. */
function findCycles(): void {
  const state = new Map<string, 'open' | 'closed'>();
  const trail: string[] = [];
  const visit = (file: string): void => {
    state.set(file, 'open');
    trail.push(file);
    for (const next of graph.get(file) ?? []) {
      if (state.get(next) === 'open') {
        const cycle = [...trail.slice(trail.indexOf(next)), next].map((step) => relative(root, step));
        faults.push(`import cycle: ${cycle.join(' -> ')}`);
      } else if (!state.has(next)) visit(next);
    }
    trail.pop();
    state.set(file, 'closed');
  };
  for (const file of graph.keys()) if (!state.has(file)) visit(file);
}
findCycles();

for (const document of ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md']) {
  const path = join(root, document);
  if (!existsSync(path)) {
    faults.push(`${document} is missing`);
    continue;
  }
  for (const match of readFileSync(path, 'utf8').matchAll(
    /`((?:src|hack|e2e|bench|docs|crds|config|charts|examples|bin)\/[\w./-]+)`/g,
  )) {
    const named = match[1] as string;
    if (!existsSync(join(root, named.replace(/\/$/, ''))))
      faults.push(`${document}: names ${named}, which is not there`);
  }
}

for (const fault of faults) console.log(fault);
console.log(faults.length === 0 ? `verify: ${graph.size} files, all rules hold` : `verify: ${faults.length} faults`);
if (faults.length > 0) process.exitCode = 1;
