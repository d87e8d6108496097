import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { negotiate } from './negotiate.ts';

const json = 'application/json';
const protobuf = 'application/vnd.kubernetes.protobuf';
const as = (kind: string, version = 'v1'): string => `as=${kind};g=meta.k8s.io;v=${version}`;

type Case = readonly [accept: string | undefined, told: string | undefined, offers?: 'custom' | 'plain' | 'untabled'];
const cases: Record<string, Case> = {
  'takes JSON where nothing is said': [undefined, json],
  'takes JSON for anything': ['*/*', json],
  'takes what is preferred': [`${json};q=0.5,${protobuf}`, protobuf],
  'takes the first of equals': [`${protobuf},${json}`, protobuf],
  'passes over what it does not have': ['text/html,application/yaml', 'application/yaml'],
  'has nothing for strangers': ['text/html', undefined],
  'writes custom kinds in no protobuf': [`${protobuf},${json}`, json, 'custom'],
  'writes tables': [`${json};${as('Table')},${json}`, `${json} Table v1`],
  'writes older tables': [`${json};${as('Table', 'v1beta1')}`, `${json} Table v1beta1`],
  'writes no tables in protobuf': [`${protobuf};${as('Table')},${json}`, json],
  'writes metadata in protobuf': [`${protobuf};${as('PartialObjectMetadata')}`, `${protobuf} PartialObjectMetadata v1`],
  'writes metadata of custom kinds in protobuf': [
    `${protobuf};${as('PartialObjectMetadataList')}`,
    `${protobuf} PartialObjectMetadataList v1`,
    'custom',
  ],
  'knows no other shapes': [`${json};${as('Pod')}`, undefined],
  'knows no shapes of other versions': [`${json};${as('Table', 'v2')}`, undefined],
  'takes half a shape for none': [`${json};v=v1`, undefined],
  'shapes only what has a shape': [`${json};${as('Table')}`, undefined, 'plain'],
  'writes no tables of what is not stored': [`${json};${as('Table')}`, undefined, 'untabled'],
  'writes metadata of what is not stored': [
    `${json};${as('PartialObjectMetadata')}`,
    `${json} PartialObjectMetadata v1`,
    'untabled',
  ],
  'streams watches': [`${protobuf};stream=watch`, `${protobuf} stream`],
  'streams nothing else': [`${json};stream=other`, undefined],
  'streams no YAML': [`application/yaml;stream=watch,${json}`, json],
  'knows the version of the server': [`${json};sv=v1`, json],
  'knows no other version of the server': [`${json};sv=v2`, undefined],
  'indents where it is asked': [`${json};pretty=1`, `${json} pretty`],
};

const offers = {
  builtin: { protobuf: true, transforms: true },
  untabled: { protobuf: true, transforms: true, tables: false },
  custom: { protobuf: false, transforms: true },
  plain: { protobuf: true, transforms: false },
};

describe('negotiate', () => {
  for (const [name, [accept, told, offer = 'builtin']] of Object.entries(cases)) {
    it(name, () => {
      const form = negotiate(accept, offers[offer]);
      const shape = form?.as === undefined ? '' : ` ${form.as} ${form.version}`;
      const text = form && `${form.mediaType}${shape}${form.stream ? ' stream' : ''}${form.pretty ? ' pretty' : ''}`;
      assert.equal(text, told);
    });
  }
});
