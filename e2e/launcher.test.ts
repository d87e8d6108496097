import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';

const launcher = join(import.meta.dirname, '..', 'bin', 'warren.js');

/** Node programs of this machine: npm puts that of the repository first on the path. */
function nodesOnPath(): readonly string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return [...new Set(folders.map((folder) => join(folder, 'node')))].filter((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

describe('warren', () => {
  for (const node of nodesOnPath()) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    const isSupported = Number.parseInt(version.slice(1), 10) >= 20;
    it(`starts where ${version} is the machine's Node`, { skip: !isSupported && 'older than Node 20' }, () => {
      const told = execFileSync(node, [launcher, '--version'], { encoding: 'utf8' });
      assert.match(told, /\d+\.\d+\.\d+/);
    });
  }
});
