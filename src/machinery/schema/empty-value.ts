import type { ScalarShape, TypeSchema } from './type-schema.ts';

/** What Go makes of null where a value has to be. */
export function emptyOf(type: TypeSchema): unknown {
  switch (type.shape) {
    case 'object':
    case 'map':
      return {};
    case 'list':
      return [];
    case 'opaque':
      return null;
    default:
      return emptyScalars[type.type];
  }
}

const emptyScalars: Readonly<Record<ScalarShape['type'], unknown>> = {
  string: '',
  bytes: '',
  boolean: false,
  int32: 0,
  int64: 0,
  double: 0,
  'int-or-string': 0,
  quantity: '0',
  time: null,
  'micro-time': null,
  duration: '0s',
};
