import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { allKinds, INLINE, rowsOf } from '../../machinery/schema/schema-table.ts';
import { findPackedDescriptions, packDescriptions, unpackDescriptions } from './descriptions.ts';
import { readPackageDescriptions } from './package-descriptions.ts';

const installed = unpackDescriptions(await findPackedDescriptions());

describe('descriptions', () => {
  it('are there for every kind and its parts', () => {
    const isShown = ({ apiVersion }: { apiVersion: string }): boolean =>
      !/^(admission|meta|metrics|apidiscovery)\.k8s\.io|v1beta1$/.test(apiVersion);
    for (const { kind, typeName } of allKinds().filter(isShown)) {
      if (/^meta\/|\.List$/.test(typeName)) continue;
      assert.ok(installed.ofType(typeName), kind);
      for (const [, name, type, flags] of rowsOf(typeName)) {
        if (flags & INLINE) continue;
        const part = type.includes('.') ? type : `meta/v1.${type}`;
        assert.ok(installed.ofField(typeName, name) ?? installed.ofType(part), `${kind}.${name}`);
      }
    }
  });

  it('tell kinds of one name in several groups apart', () => {
    const core = installed.ofType('core/v1.ResourceClaim');
    const dynamic = installed.ofType('resource/v1.ResourceClaim');
    assert.ok(core !== undefined && dynamic !== undefined && core !== dynamic);
  });

  it('find fields whose names JavaScript cannot have', () => {
    const schema = 'apiextensions/v1.JSONSchemaProps';
    for (const name of ['default', 'x-kubernetes-list-type']) assert.ok(installed.ofField(schema, name), name);
  });

  it('are plain text', () => {
    const resources = installed.ofField('admissionregistration/v1.RuleWithOperations', 'resources') ?? '';
    assert.match(resources, /'pods\/\*' means/);
  });

  it('are nothing where there is no table', () => {
    const none = unpackDescriptions(undefined);
    assert.deepEqual([none.ofType('core/v1.Pod'), none.ofField('core/v1.Pod', 'spec')], [undefined, undefined]);
  });
});

describe('readPackageDescriptions', () => {
  const declaration = `/** The head of the file. */
/**
* A \\"thing\\" with pods/_* in it.
*/
export declare class V1Thing {
    /**
    * What it\\'s for.
    */
    '_default'?: string;
    'other'?: V1Other;
    /**
    * IntOrString is a type that can hold two.
    */
    'port'?: IntOrString;
    static readonly discriminator: string | undefined;
}
`;

  it('takes what stands before classes and fields, and what fields say of their type for the type', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'warren-'));
    try {
      writeFileSync(join(folder, 'V1Thing.d.ts'), declaration);
      writeFileSync(join(folder, 'V1Thing.js'), 'nothing');
      const table = await readPackageDescriptions(folder);
      assert.deepEqual(table, {
        V1Thing: ['A "thing" with pods/* in it.', { default: "What it's for." }],
        IntOrString: ['IntOrString is a type that can hold two.', {}],
      });
      const { ofField, ofType } = unpackDescriptions(packDescriptions(table, { quality: 1 }));
      assert.equal(ofField('core/v1.Thing', 'default'), "What it's for.");
      assert.equal(ofType('meta/v1.IntOrString'), 'IntOrString is a type that can hold two.');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
