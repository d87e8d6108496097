import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { addonNameOf, isDisabled, planFiles, readManifestFiles } from './manifest-files.ts';

describe('planFiles', () => {
  const rows: Record<string, [files: string[], disabled: string[], plans: string[]]> = {
    'deploys manifests in the order of their paths': [
      ['b.yml', 'a.yaml', 'c.json', 'D.YAML'],
      [],
      ['deploy D.YAML', 'deploy a.yaml', 'deploy b.yml', 'deploy c.json'],
    ],
    'deploys what lies in folders': [['x/y/a.yaml'], [], ['deploy x/y/a.yaml']],
    'leaves other files and hidden ones alone': [['readme.md', '.a.yaml', 'a.yaml~'], [], []],
    'holds back what has a .skip beside it': [['a.yaml', 'a.yaml.skip', 'b.yaml'], [], ['deploy b.yaml']],
    'removes what is disabled by its name': [['a.yaml', 'b.yaml'], ['a'], ['remove a.yaml', 'deploy b.yaml']],
    'removes what is disabled though it is skipped': [['a.yaml', 'a.yaml.skip'], ['a'], ['remove a.yaml']],
    'removes what is disabled by a folder': [['m/a.yaml', 'm/n/b.txt'], ['m'], ['remove m/a.yaml', 'remove m/n/b.txt']],
    'removes what is disabled by an inner folder': [
      ['m/n/b.yaml', 'm/a.yaml'],
      ['m/n'],
      ['deploy m/a.yaml', 'remove m/n/b.yaml'],
    ],
    'takes the whole name but the ending': [['a.b.yaml', 'a.yaml'], ['a.b'], ['remove a.b.yaml', 'deploy a.yaml']],
  };
  for (const [title, [files, disabled, plans]] of Object.entries(rows)) {
    it(title, () => {
      const found = files.map((name) => ({ path: `/m/${name}`, modifiedMs: 1, removable: true }));
      const planned = planFiles('/m', found, disabled).map(({ step, path }) => `${step} ${path.slice(3)}`);
      assert.deepEqual(planned, plans);
    });
  }

  it('keeps files that are reached through a link', () => {
    const files = [{ path: '/m/l/a.yaml', modifiedMs: 1, removable: false }];
    assert.deepEqual(planFiles('/m', files, ['l']), [
      { path: '/m/l/a.yaml', step: 'remove', modifiedMs: 1, removesFile: false },
    ]);
  });
});

describe('the files of a folder', () => {
  it('are found in all folders below it, and behind links in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'warren-manifests-'));
    const elsewhere = mkdtempSync(join(tmpdir(), 'warren-elsewhere-'));
    try {
      mkdirSync(join(folder, 'sub'));
      for (const path of [join(folder, 'a.yaml'), join(folder, 'sub', 'b.yaml'), join(elsewhere, 'c.yaml')])
        writeFileSync(path, '');
      symlinkSync(elsewhere, join(folder, 'link'));
      symlinkSync(join(elsewhere, 'none'), join(folder, 'broken.yaml'));
      const found = (await readManifestFiles(folder)).map(({ path, removable }) => [
        path.slice(folder.length),
        removable,
      ]);
      assert.deepEqual(found.toSorted(), [
        ['/a.yaml', true],
        ['/link/c.yaml', false],
        ['/sub/b.yaml', true],
      ]);
      assert.deepEqual(await readManifestFiles(join(folder, 'none')), []);
    } finally {
      for (const each of [folder, elsewhere]) rmSync(each, { recursive: true });
    }
  });

  it('name their Addon by all before the first period', () => {
    assert.equal(addonNameOf('/m/traefik.config.yaml'), 'traefik');
    assert.equal(isDisabled('/m', '/m/metrics-server/auth-reader.yaml', ['metrics-server']), true);
  });
});
