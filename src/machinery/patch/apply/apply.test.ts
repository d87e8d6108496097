import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ManagedFieldsEntry } from '../../../generated/api/meta/v1.ts';
import type { StatusError } from '../../errors/status-error.ts';
import type { AnyObject } from '../../object/object.ts';
import { builtinShape } from '../../schema/builtin.ts';
import { type ApplyOptions, applyServerSide, trackUpdate } from './apply.ts';
import { allExcept } from './field-filter.ts';
import type { KindVersions } from './versions.ts';

const shape = builtinShape('core/v1.ConfigMap');
const NOW = '2030-01-01T00:00:00Z';
const LATER = '2030-01-01T00:01:00Z';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

const configMap = (data: Record<string, unknown> | undefined, metadata: Record<string, unknown> = {}): AnyObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', ...metadata }, ...(data && { data }) }) as AnyObject;

const as = (manager: string) => ({ shape, manager, apiVersion: 'v1', subresource: '', nowText: NOW });

function apply(manager: string, applied: AnyObject, live?: AnyObject, rest: Partial<ApplyOptions> = {}): AnyObject {
  return applyServerSide({ ...as(manager), applied, live, force: false, ...rest }).object;
}

/** As it would be stored. */
const stored = (object: AnyObject): AnyObject => ({ ...object, metadata: { ...object.metadata, uid: 'u' } });

const owners = (object: AnyObject): Record<string, unknown> =>
  Object.fromEntries(
    (object.metadata.managedFields ?? []).map((entry: ManagedFieldsEntry) => [
      `${entry.manager} ${entry.operation}`,
      entry.fieldsV1,
    ]),
  );

describe('applyServerSide', () => {
  it('creates the object and owns what was applied', () => {
    const made = apply('anna', configMap({ a: '1' }));
    assert.deepEqual(made.metadata.managedFields, [
      {
        manager: 'anna',
        operation: 'Apply',
        apiVersion: 'v1',
        time: NOW,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {} } },
      },
    ]);
  });

  it('takes away what its manager applied before and applies no longer', () => {
    const live = stored(apply('anna', configMap({ a: '1', b: '2' })));
    assert.deepEqual(apply('anna', configMap({ a: '1' }), live)['data'], { a: '1' });
  });

  it('keeps what another manager owns as well', () => {
    const first = stored(apply('anna', configMap({ a: '1', b: '2' })));
    const both = stored(apply('bert', configMap({ b: '2' }), first));
    const after = apply('anna', configMap({ a: '1' }), both);
    assert.deepEqual(after['data'], { a: '1', b: '2' });
    assert.deepEqual(owners(after), {
      'anna Apply': { 'f:data': { 'f:a': {} } },
      'bert Apply': { 'f:data': { 'f:b': {} } },
    });
  });

  it('refuses to change what others own, and names each field', () => {
    const live = stored(apply('anna', configMap({ a: '1', b: '2' })));
    assert.throws(
      () => apply('bert', configMap({ a: 'x', b: 'y' }), live),
      (error: StatusError) => {
        assert.equal(error.code, 409);
        assert.equal(error.message, 'Apply failed with 2 conflicts: conflicts with "anna":\n- .data.a\n- .data.b');
        assert.deepEqual(error.details?.causes?.[0], {
          reason: 'FieldManagerConflict',
          message: 'conflict with "anna"',
          field: '.data.a',
        });
        return true;
      },
    );
  });

  it('takes fields over when forced', () => {
    const live = stored(apply('anna', configMap({ a: '1', b: '2' })));
    const after = apply('bert', configMap({ a: 'x' }), live, { force: true });
    assert.deepEqual(owners(after), {
      'anna Apply': { 'f:data': { 'f:b': {} } },
      'bert Apply': { 'f:data': { 'f:a': {} } },
    });
  });

  it('leaves the time of an entry alone when nothing changes', () => {
    const live = stored(apply('anna', configMap({ a: '1' })));
    const after = apply('anna', configMap({ a: '1' }), live, { nowText: LATER });
    assert.equal(after.metadata.managedFields?.[0]?.time, NOW);
  });

  it('gives what was there before anybody kept track to a manager of its own', () => {
    const live = stored(configMap({ a: '1', b: '2' }));
    assert.deepEqual(owners(apply('anna', configMap({ a: '1' }), live)), {
      'anna Apply': { 'f:data': { 'f:a': {} } },
      'before-first-apply Update': { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } },
    });
  });

  it('lets kubectl take over what it applied from the client’s side, and keeps its annotation', () => {
    const applied = JSON.stringify(configMap({ a: '1' }));
    const made = configMap({ a: '1' }, { annotations: { [LAST_APPLIED]: applied } });
    const live = stored(trackUpdate({ ...as('kubectl-client-side-apply'), live: undefined, next: made }));
    const after = apply('kubectl', configMap({ a: '<2>' }), live);
    assert.deepEqual(after['data'], { a: '<2>' });
    const kept = after.metadata.annotations?.[LAST_APPLIED];
    assert.equal(
      kept,
      '{"apiVersion":"v1","data":{"a":"\\u003c2\\u003e"},"kind":"ConfigMap","metadata":{"name":"c"}}\n',
    );
  });

  it('refuses managed fields in a configuration, and fields that no schema has', () => {
    assert.throws(() => apply('anna', configMap({}, { managedFields: [] })), { code: 400 });
    assert.throws(() => apply('anna', { ...configMap({}), odd: 1 } as AnyObject), {
      code: 500,
      message: 'failed to create typed patch object (/c; /v1, Kind=ConfigMap): .odd: field not declared in schema',
    });
  });
});

describe('trackUpdate', () => {
  it('owns what it sets at creation, but nothing that its path resets', () => {
    const next = { ...configMap({ a: '1' }), immutable: true } as AnyObject;
    const made = trackUpdate({ ...as('anna'), filter: allExcept('immutable'), live: undefined, next });
    assert.deepEqual(owners(made), { 'anna Update': { 'f:data': { '.': {}, 'f:a': {} } } });
  });

  it('takes changed fields from whoever had them, removed ones too', () => {
    const live = stored(trackUpdate({ ...as('anna'), live: undefined, next: configMap({ a: '1', b: '2' }) }));
    const next = { ...live, data: { a: 'x' } } as AnyObject;
    assert.deepEqual(owners(trackUpdate({ ...as('bert'), live, next })), {
      'anna Update': { 'f:data': {} },
      'bert Update': { 'f:data': { 'f:a': {} } },
    });
  });

  it('names a manager without a name', () => {
    assert.deepEqual(Object.keys(owners(trackUpdate({ ...as(''), live: undefined, next: configMap({ a: '1' }) }))), [
      'unknown Update',
    ]);
  });

  it('keeps no track of an object that was never tracked', () => {
    const live = stored(configMap({ a: '1' }));
    assert.equal(trackUpdate({ ...as('anna'), live, next: configMap({ a: '2' }) }).metadata.managedFields, undefined);
  });

  const resets: Record<string, ManagedFieldsEntry[]> = { 'an empty list': [], 'one empty entry': [{}] };
  for (const [name, managedFields] of Object.entries(resets)) {
    it(`forgets all managers for ${name}`, () => {
      const live = stored(trackUpdate({ ...as('anna'), live: undefined, next: configMap({ a: '1' }) }));
      const next = { ...live, metadata: { ...live.metadata, managedFields } } as AnyObject;
      assert.equal(trackUpdate({ ...as('bert'), live, next }).metadata.managedFields, undefined);
    });
  }

  it('stays with the stored managers where the given ones cannot be read', () => {
    const live = stored(trackUpdate({ ...as('anna'), live: undefined, next: configMap({ a: '1' }) }));
    const managedFields = [{ manager: 'x', operation: 'Odd', apiVersion: 'v1', fieldsType: 'FieldsV1' }];
    const next = { ...live, metadata: { ...live.metadata, managedFields } } as AnyObject;
    assert.deepEqual(Object.keys(owners(trackUpdate({ ...as('bert'), live, next }))), ['anna Update']);
  });

  it('folds the oldest of more than ten managers into one', () => {
    let live: AnyObject | undefined;
    for (let index = 0; index < 12; index++) {
      const data = Object.fromEntries(Array.from({ length: index + 1 }, (_, at) => [`k${at}`, 'x']));
      const nowText = `2030-01-01T00:00:${String(index).padStart(2, '0')}Z`;
      const next = configMap(data, { uid: 'u', managedFields: live?.metadata.managedFields });
      live = stored(trackUpdate({ ...as(`m${index}`), nowText, live, next }));
    }
    const names = (live?.metadata.managedFields ?? []).map(({ manager }) => manager);
    assert.equal(names.length, 10);
    assert.equal(names[0], 'ancient-changes');
  });

  it('compares each manager’s fields in its own version, and forgets versions that are gone', () => {
    const other: AnyObject['metadata'] = {
      managedFields: [
        entry('old', 'v0', { 'f:data': { 'f:a': {} } }),
        entry('gone', 'v9', { 'f:data': { 'f:a': {} } }),
      ],
    };
    const live = configMap({ a: '1', b: '2' }, { uid: 'u', ...other });
    const next = configMap({ a: '1', b: '3' }, { uid: 'u' });
    const versions: KindVersions = {
      find: (version) => (version === 'v0' ? { shape } : undefined),
      convert: (object, apiVersion) => ({ ...object, apiVersion, data: { a: (object['data'] as { b: string }).b } }),
    };
    assert.deepEqual(owners(trackUpdate({ ...as('anna'), versions, live, next })), {
      'anna Update': { 'f:data': { 'f:b': {} } },
    });
  });
});

function entry(manager: string, apiVersion: string, fieldsV1: Record<string, unknown>): ManagedFieldsEntry {
  return { manager, operation: 'Update', apiVersion, fieldsType: 'FieldsV1', fieldsV1 };
}
