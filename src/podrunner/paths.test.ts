import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rewritePaths } from './paths.ts';

const mounts = [
  { mountPath: '/var/lib/warren', folder: '/real/data' },
  { mountPath: '/var/lib/warren/pki', folder: '/real/pki' },
];

const rows: Record<string, [text: string, rewritten: string]> = {
  'replaces a mount point in a flag': ['--data-dir=/var/lib/warren', '--data-dir=/real/data'],
  'replaces the beginning of a path': ['--token-file=/var/lib/warren/token', '--token-file=/real/data/token'],
  'prefers the longest mount point': ['--pki-dir=/var/lib/warren/pki', '--pki-dir=/real/pki'],
  'leaves a path that only begins alike': ['--data-dir=/var/lib/warren2', '--data-dir=/var/lib/warren2'],
  'leaves other text': ['--https-listen-port=30000', '--https-listen-port=30000'],
};

describe('rewritePaths', () => {
  for (const [title, [text, rewritten]] of Object.entries(rows)) {
    it(title, () => assert.equal(rewritePaths(text, mounts), rewritten));
  }
});
