import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';
import { decodeObject } from '../../machinery/schema/decode.ts';
import { validateCrd } from './crd-validation.ts';

type Spec = Record<string, unknown>;
type Change = (spec: Spec, version: Spec) => void;

function definition(change: Change = () => undefined): CustomResourceDefinition {
  const version: Spec = {
    name: 'v1',
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } },
  };
  const spec: Spec = {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [version],
    conversion: { strategy: 'None' },
  };
  change(spec, version);
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com', generation: 1, resourceVersion: '1' },
    spec,
    status: { conditions: [], storedVersions: ['v1'], acceptedNames: { plural: '', kind: '' } },
  };
  return crd as unknown as CustomResourceDefinition;
}

function schemaOf(version: Spec, schema: object): void {
  version['schema'] = { openAPIV3Schema: schema };
}

/** Undefined where the decoder refuses the definition. */
function decode(crd: CustomResourceDefinition): CustomResourceDefinition | undefined {
  const shape = builtinShape('apiextensions/v1.CustomResourceDefinition');
  try {
    const { object } = decodeObject(structuredClone(crd), shape, { unknownFields: 'drop' });
    return object as unknown as CustomResourceDefinition;
  } catch (error) {
    if ((error as { code?: number }).code === 400) return undefined;
    throw error;
  }
}

// Where all versions are alike, upstream judges what they share, and tells of `spec.validation` and the like.
const cases: Record<string, [change: Change, faults: readonly (string | RegExp)[]]> = {
  'a definition in order': [() => undefined, []],
  'no version that is stored': [
    (_, version) => {
      version['storage'] = false;
    },
    [/^spec.versions: Invalid value: .*: must have exactly one version marked as storage version$/],
  ],
  'a group that is no name': [
    (spec) => {
      spec['group'] = 'Example';
    },
    [
      /^metadata.name: Invalid value: "widgets.example.com": must be spec.names.plural\+"."\+spec.group$/,
      /^spec.group: /,
    ],
  ],
  'no schema': [
    (_, version) => {
      delete version['schema'];
    },
    ['spec.versions[0].schema.openAPIV3Schema: Required value'],
  ],
  'a schema without types': [
    (_, version) => schemaOf(version, { type: 'object', properties: { a: {} } }),
    [
      'spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
    ],
  ],
  'a column of no known type': [
    (_, version) => {
      version['additionalPrinterColumns'] = [{ name: 'A', type: 'colour', jsonPath: '.spec.a' }];
    },
    [/^spec.additionalPrinterColumns\[0\].type: Invalid value: "colour": must be one of /],
  ],
  'a rule that does not compile': [
    (_, version) => schemaOf(version, { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.foo' }] }),
    [/^spec.validation.openAPIV3Schema.x-kubernetes-validations\[0\].rule: Invalid value: .*undefined field 'foo'/s],
  ],
  'a rule that may cost too much': [
    (_, version) =>
      schemaOf(version, {
        type: 'object',
        properties: {
          l: {
            type: 'array',
            items: { type: 'string' },
            'x-kubernetes-validations': [{ rule: 'self.all(x, self.all(y, self.all(z, x == y || y == z)))' }],
          },
        },
      }),
    [
      /\[0\].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x/,
      /contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema$/,
      /^spec.validation.openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire/,
    ],
  ],
};

describe('validateCrd', () => {
  for (const [name, [change, faults]] of Object.entries(cases)) {
    it(`judges ${name}`, () => {
      const found = validateCrd(definition(change)).map(String);
      assert.equal(found.length, faults.length, found.join('\n'));
      for (const [index, fault] of faults.entries()) {
        if (typeof fault === 'string') assert.equal(found[index], fault);
        else assert.match(found[index] ?? '', fault);
      }
    });
  }

  it('keeps what may not change', () => {
    const changed = definition((spec) => {
      spec['scope'] = 'Cluster';
    });
    changed.status = { ...changed.status, conditions: [{ type: 'Established', status: 'True' }] } as never;
    const old = { ...definition(), status: changed.status } as CustomResourceDefinition;
    assert.deepEqual(validateCrd(changed, old).map(String), [
      'spec.scope: Invalid value: "Cluster": field is immutable',
    ]);
  });

  it('throws at nothing, whatever the schema holds', () => {
    const oddities: readonly unknown[] = [null, 1, 'x', true, [], {}, [null], { a: null }, '[', '__proto__'];
    const words = [
      'type',
      'properties',
      'items',
      'additionalProperties',
      'default',
      'enum',
      'pattern',
      'format',
      'required',
      'allOf',
      'not',
      'x-kubernetes-list-type',
      'x-kubernetes-list-map-keys',
      'x-kubernetes-validations',
      'x-kubernetes-embedded-resource',
      'x-kubernetes-int-or-string',
    ];
    for (const word of words) {
      for (const oddity of oddities) {
        const holder = { type: 'array', items: { type: 'object' }, [word]: oddity };
        const schema = { type: 'object', properties: { spec: holder }, [word]: oddity };
        const crd = decode(definition((_, version) => schemaOf(version, schema)));
        if (crd !== undefined) assert.doesNotThrow(() => validateCrd(crd).map(String));
      }
    }
  });
});
