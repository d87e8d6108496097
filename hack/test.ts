/**
 * Runs the tests: `node hack/test.ts [unit|e2e] [FILTER]`. Without a name both, units first.
 * Unit tests run side by side, a file a process; e2e suites two at a time, since each owns a whole cluster, and mostly waits.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [suite = 'all', filter = ''] = process.argv.slice(2);

function testsBelow(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(root, path)).isDirectory()) return name === 'testdata' ? [] : testsBelow(path);
    return path.endsWith('.test.ts') && path.includes(filter) ? [path] : [];
  });
}

function run(title: string, files: string[], concurrency: string[]): boolean {
  if (files.length === 0) return true;
  console.log(`\n${title}: ${files.length} files`);
  const args = ['--test', '--test-reporter=spec', ...concurrency, ...files];
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

let passed = true;
if (suite === 'all' || suite === 'unit') passed = run('unit tests', testsBelow('src'), []) && passed;
if (suite === 'all' || suite === 'e2e')
  passed = run('end-to-end tests', testsBelow('e2e'), ['--test-concurrency=2']) && passed;
process.exitCode = passed ? 0 : 1;
