import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import type { Schemas } from './builtin-schemas.ts';
import { addCustom, type Dialect } from './custom-schemas.ts';

/** The fields of `spec` in a document, for a definition with such a `spec`. */
function publish(
  spec: JSONSchemaProps,
  dialect: Dialect,
  more: Partial<JSONSchemaProps> = {},
): Record<string, unknown> {
  const openAPIV3Schema = { type: 'object', properties: { spec }, ...more };
  const crd = {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Widget', plural: 'widgets' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema },
          selectableFields: [{ jsonPath: '.spec.a' }],
        },
      ],
    },
  } as unknown as CustomResourceDefinition;
  const descriptions = { ofType: () => undefined, ofField: () => undefined };
  const schemas: Schemas = { byName: new Map(), customNames: new Set(), descriptions, enumerations: new Map() };
  addCustom(schemas, crd, { version: 'v1', dialect });
  return schemas.byName.get('com.example.v1.Widget') as Record<string, unknown>;
}

function specOf(widget: Record<string, unknown>): unknown {
  return (widget['properties'] as Record<string, unknown>)['spec'];
}

const OPEN = 'x-kubernetes-preserve-unknown-fields';
const cases: Record<string, readonly [schema: JSONSchemaProps, v2: unknown]> = {
  'loses alternatives': [{ type: 'string', anyOf: [{ format: 'ipv4' }], not: { pattern: 'a' } }, { type: 'string' }],
  'loses the type of what may be null, and what is in it': [
    { type: 'object', nullable: true, properties: { a: { type: 'string' } } },
    {},
  ],
  'does not require what may be null': [
    {
      type: 'object',
      required: ['a', 'b'],
      properties: { a: { type: 'string', nullable: true }, b: { type: 'string' } },
    },
    { type: 'object', required: ['b'], properties: { a: {}, b: { type: 'string' } } },
  ],
  'leaves open what keeps unknown fields': [
    { type: 'object', [OPEN]: true, properties: { a: { type: 'string' } } },
    { [OPEN]: true },
  ],
  'has no list without items': [{ type: 'array', [OPEN]: true, items: { type: 'string' } }, { [OPEN]: true }],
  'keeps defaults, limits and types of lists': [
    { type: 'array', maxItems: 3, default: ['a'], 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    { type: 'array', maxItems: 3, default: ['a'], 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
  ],
};

describe('custom schemas', () => {
  for (const [what, [schema, v2]] of Object.entries(cases)) {
    it(`in the older dialect: ${what}`, () => assert.deepEqual(specOf(publish(schema, 'v2')), v2));
    it(`in the newer dialect: nothing is lost where the older ${what}`, () => {
      assert.deepEqual(specOf(publish(schema, 'v3')), schema);
    });
  }

  it('say that objects in objects have a kind, a version and metadata', () => {
    const spec = specOf(publish({ type: 'object', 'x-kubernetes-embedded-resource': true }, 'v3')) as {
      properties: object;
      required: string[];
    };
    assert.deepEqual(Object.keys(spec.properties), ['apiVersion', 'kind', 'metadata']);
    assert.deepEqual(spec.required, ['kind', 'apiVersion']);
  });

  it('are bare in the older dialect where everything is kept', () => {
    const { properties, type } = publish({ type: 'string' }, 'v2', { [OPEN]: true });
    assert.deepEqual([properties, type], [undefined, 'object']);
  });

  it('name the fields that selectors know', () => {
    assert.deepEqual(publish({ type: 'string' }, 'v3')['x-kubernetes-selectable-fields'], [{ fieldPath: 'spec.a' }]);
  });
});
