import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { encryptionStateOf } from './encryption-state.ts';

const root = mkdtempSync(join(tmpdir(), 'warren-state-'));
after(() => rmSync(root, { recursive: true, force: true }));

const keys = [{ name: 'new' }, { name: 'old' }];
const cases: Record<string, [providers: readonly object[] | undefined, state: object]> = {
  'nothing where nothing was ever encrypted': [undefined, { stage: '', activekey: '' }],
  'the key that encrypts, and the others': [
    [{ aescbc: { keys } }, { identity: {} }],
    { stage: 'start', activekey: 'AES-CBC new', enable: true, hashmatch: true, inactivekeys: ['AES-CBC old'] },
  ],
  'that encryption was switched off': [
    [{ identity: {} }, { secretbox: { keys: [{ name: 'k' }] } }],
    { stage: 'start', activekey: '', enable: false, hashmatch: true, inactivekeys: ['XSalsa20-POLY1305 k'] },
  ],
};

describe('encryptionStateOf', () => {
  for (const [title, [providers, state]] of Object.entries(cases)) {
    it(`shows ${title}`, () => {
      const path = join(root, `${Object.keys(cases).indexOf(title)}.json`);
      if (providers !== undefined) writeFileSync(path, JSON.stringify({ resources: [{ providers }] }));
      assert.deepEqual(encryptionStateOf(path), state);
    });
  }
});
