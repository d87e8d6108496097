import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goDifference, toGoView } from './go-view.ts';

describe('toGoView', () => {
  it('shows every field of an internal struct, under its Go name', () => {
    assert.deepEqual(toGoView({ name: 'a', value: 'b' }, 'core/v1.EnvVar'), { Name: 'a', Value: 'b', ValueFrom: null });
  });
  it('puts the fields of embedded structs among the others', () => {
    const view = toGoView({ name: 'a', emptyDir: {} }, 'core/v1.Volume') as Record<string, unknown>;
    assert.equal(view['Name'], 'a');
    assert.deepEqual(view['EmptyDir'], { Medium: '', SizeLimit: null });
    assert.equal(view['HostPath'], null);
  });
  it('puts the host settings of a pod among the settings of its security', () => {
    const view = toGoView({ containers: [], hostNetwork: true }, 'core/v1.PodSpec') as Record<string, unknown>;
    assert.equal((view['SecurityContext'] as Record<string, unknown>)['HostNetwork'], true);
  });
  it('gives metadata of templates its JSON names', () => {
    const view = toGoView({ metadata: { labels: { a: 'b' } } }, 'core/v1.PodTemplateSpec');
    assert.deepEqual(Object.keys(view as object), ['labels', 'Spec']);
  });
});

describe('goDifference', () => {
  it('tells line by line what differs', () => {
    const text = goDifference({ key: 'a' }, { key: '<' }, 'core/v1.PodSchedulingGate');
    assert.equal(text, '');
    const other = goDifference({ name: 'a' }, { name: '<' }, 'core/v1.PodSchedulingGate');
    assert.equal(other, '@@ -1,3 +1,3 @@\n {\n- "Name": "a"\n+ "Name": "\\u003c"\n }\n');
  });
});
