/**
 * Builds `dist/warren.js`, the one file that the container image runs: `node hack/bundle.ts`.
 * Modules that are loaded on demand stay chunks of their own, so that they cost nothing until needed.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { packDescriptions } from '../src/apiserver/openapi/descriptions.ts';
import { packageFolder, readPackageDescriptions } from '../src/apiserver/openapi/package-descriptions.ts';

const root = join(import.meta.dirname, '..');
const out = join(root, 'dist');
/**
 * Source files load some packages late by `createRequire(import.meta.url)('name')`, which a bundler cannot follow. As a
 * plain `require` the package is bundled, and still evaluated only when first needed.
 */
const lateRequires: Plugin = {
  name: 'late-requires',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('createRequire(import.meta.url)(')) return undefined;
      const contents = text
        .replace(/import \{ createRequire \} from 'node:module';\n/, '')
        .replaceAll('createRequire(import.meta.url)(', 'require(');
      return { contents, loader: 'ts' };
    });
  },
};
rmSync(out, { recursive: true, force: true });
const result = await build({
  entryPoints: {
    warren: join(root, 'src/main.ts'),
    'document-worker': join(root, 'src/apiserver/openapi/document-worker.ts'),
  },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  plugins: [lateRequires],
  // An optional package of `pg` for a runtime that is not Node: an installation without optional packages lacks it.
  external: ['pg-cloudflare'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  // Of this package Node would get the form whose names a bundle cannot tell when it is loaded late.
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  metafile: true,
});
// A CommonJS package that is loaded by `import()` has no names in a bundle, only a default.
for (const [path, { imports }] of Object.entries(result.metafile.inputs))
  for (const each of imports)
    if (each.kind === 'dynamic-import' && result.metafile.inputs[each.path]?.format === 'cjs')
      throw new Error(`${path} loads ${each.original} by import(), which a bundle cannot: use createRequire`);
const bytes = Object.values(result.metafile.outputs).reduce((sum, file) => sum + file.bytes, 0);
// What `kubectl explain` tells: the image has no packages to read it from.
const descriptions = packDescriptions(await readPackageDescriptions(packageFolder()), { quality: 11 });
writeFileSync(join(out, 'descriptions.json.br'), descriptions);
chmodSync(join(out, 'warren.js'), 0o755);
console.log(`dist/warren.js: ${Object.keys(result.metafile.outputs).length} files, ${(bytes / 1e6).toFixed(1)} MB`);
