/**
 * Builds `dist/warren.js`, the one file that the container image runs: `node hack/bundle.ts`.
 * Modules that are loaded on demand stay chunks of their own, so that they cost nothing until needed.
 */
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const out = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
rmSync(out, { recursive: true, force: true });
const result = await build({
  entryPoints: { warren: join(root, 'src/main.ts') },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  loader: { '.yaml': 'text' },
  define: { 'globalThis.WARREN_VERSION': JSON.stringify(version) },
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  metafile: true,
});
const bytes = Object.values(result.metafile.outputs).reduce((sum, file) => sum + file.bytes, 0);
chmodSync(join(out, 'warren.js'), 0o755);
console.log(`dist/warren.js: ${Object.keys(result.metafile.outputs).length} files, ${(bytes / 1e6).toFixed(1)} MB`);
