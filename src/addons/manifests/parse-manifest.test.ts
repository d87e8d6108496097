import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifest } from './parse-manifest.ts';
import { parseGvkText, toGvkText, toSetMarks } from './set-marks.ts';

const map = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

describe('parseManifest', () => {
  const rows: Record<string, [text: string, names: string[]]> = {
    'reads one document': [map('a'), ['a']],
    'reads many, empty ones aside': [`# first\n---\n${map('a')}---\n\n# none\n---   \n${map('b')}`, ['a', 'b']],
    'takes lists apart': [
      JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [{ kind: 'A', metadata: { name: 'x' } }] }),
      ['x'],
    ],
    'reads JSON': [JSON.stringify({ kind: 'A', apiVersion: 'v1', metadata: { name: 'j' } }), ['j']],
    'finds nothing in nothing': ['\n---\n# only words\n', []],
  };
  for (const [title, [text, names]] of Object.entries(rows)) {
    it(title, () => {
      assert.deepEqual(
        parseManifest(text).map(({ metadata }) => metadata.name),
        names,
      );
    });
  }

  const faults: Record<string, [text: string, message: RegExp]> = {
    'refuses text that is no object': ['hello', /Object 'Kind' is missing in '"hello"'/],
    'refuses objects without a kind': ['a: 1', /Object 'Kind' is missing in '{"a":1}'/],
    'refuses objects without a name': ['kind: A\napiVersion: v1', /metadata.name is missing/],
    'refuses a separator with words behind it': [`${map('a')}--- b\n`, /invalid Yaml document separator: b/],
    'refuses broken YAML': ['a: b: c', /mapping values are not allowed/],
  };
  for (const [title, [text, message]] of Object.entries(faults)) {
    it(title, () => {
      assert.throws(() => parseManifest(text), message);
    });
  }
});

describe('the marks of a set', () => {
  it('are those that k3s writes for an Addon', () => {
    const type = { group: 'k3s.cattle.io', version: 'v1', kind: 'Addon', plural: 'addons', namespaced: true };
    const marks = toSetMarks(type, { namespace: 'kube-system', name: 'coredns' });
    assert.deepEqual(marks.labels, { 'objectset.rio.cattle.io/hash': 'bce283298811743a0386ab510f2f67ef74240c57' });
    assert.equal(marks.annotations['objectset.rio.cattle.io/owner-gvk'], 'k3s.cattle.io/v1, Kind=Addon');
  });

  it('write kinds so that they can be read again', () => {
    for (const type of [
      { group: '', version: 'v1', kind: 'Secret' },
      { group: 'apps', version: 'v1', kind: 'Deployment' },
    ])
      assert.deepEqual(parseGvkText(toGvkText(type)), type);
    assert.equal(toGvkText({ group: '', version: 'v1', kind: 'Secret' }), '/v1, Kind=Secret');
    assert.equal(parseGvkText('Secret'), undefined);
  });
});
