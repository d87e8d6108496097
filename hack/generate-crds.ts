/**
 * Writes the CRDs from `src/operator/api` to every place that installs them: `crds/`, `config/crd/` and the chart.
 *
 *   node hack/generate-crds.ts [--check]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { virtualClusterCrd } from '../src/operator/api/schema.ts';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
const crd = virtualClusterCrd();
const text = `# Written by hack/generate-crds.ts from src/operator/api. Do not edit.\n${stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false })}`;
const name = `${crd.spec.group}_${crd.spec.names.plural}.yaml`;
let stale = 0;
for (const folder of ['crds', 'config/crd', 'charts/warren/files']) {
  const file = join(root, folder, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale++;
  if (check) console.log(`generate: ${folder}/${name} is out of date; run npm run generate`);
  else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
console.log(`generate: CRDs, ${stale} ${check ? 'out of date' : 'written'}`);
if (check && stale > 0) process.exitCode = 1;
