import { addBuiltin, refTo, type Schema, type Schemas } from './builtin-schemas.ts';
import type { Paths } from './operations.ts';
import { type RootPath, VERSION_INFO } from './root-paths.ts';

/** Adds a path with what it answers. */
export function addRootPath(paths: Paths, schemas: Schemas, root: RootPath): void {
  const schema = answerOf(schemas, root.typeName);
  const content = Object.fromEntries(root.mediaTypes.map((type) => [type, { schema }]));
  paths[root.path] = {
    get: {
      tags: [root.tag],
      operationId: root.operationId,
      responses: { '200': { description: 'OK', content }, '401': { description: 'Unauthorized' } },
    },
  };
}

function answerOf(schemas: Schemas, typeName: string | undefined): Schema {
  if (typeName === undefined) return { type: 'string' };
  if (typeName !== VERSION_INFO) return addBuiltin(schemas, typeName);
  const name = 'io.k8s.apimachinery.pkg.version.Info';
  schemas.byName.set(name, versionInfo);
  return refTo(name);
}

const always = [
  'major',
  'minor',
  'gitVersion',
  'gitCommit',
  'gitTreeState',
  'buildDate',
  'goVersion',
  'compiler',
  'platform',
];
const sometimes = ['emulationMajor', 'emulationMinor', 'minCompatibilityMajor', 'minCompatibilityMinor'];
const versionInfo: Schema = {
  description: 'Version and build of the server.',
  type: 'object',
  required: always,
  properties: Object.fromEntries([
    ...always.map((name) => [name, { type: 'string', default: '' }]),
    ...sometimes.map((name) => [name, { type: 'string' }]),
  ]),
};
