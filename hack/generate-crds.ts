/**
 * Writes the CRDs from `src/operator/api` to every place that installs them, `crds/`, `config/crd/` and the chart, and
 * their reference to `docs/reference/`.
 *
 *   node hack/generate-crds.ts [--check]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { CustomResourceDefinition, JSONSchemaProps } from '../src/generated/api/apiextensions/v1.ts';
import { allCrds } from '../src/operator/api/crds.ts';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
const files = allCrds().flatMap((crd) => {
  const { group, names } = crd.spec;
  const text = `# Written by hack/generate-crds.ts from src/operator/api. Do not edit.\n${stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false })}`;
  const folders = ['crds', 'config/crd', 'charts/warren/files'];
  return [
    ...folders.map((folder) => ({ path: `${folder}/${group}_${names.plural}.yaml`, content: text })),
    { path: `docs/reference/${names.singular}.md`, content: toReference(crd) },
  ];
});
let stale = 0;
for (const { path, content } of files) {
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
  stale++;
  if (check) console.log(`generate: ${path} is out of date; run npm run generate`);
  else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}
console.log(`generate: CRDs, ${stale} ${check ? 'out of date' : 'written'}`);
if (check && stale > 0) process.exitCode = 1;

/** Every field with its type, default, limits and description. */
function toReference(crd: CustomResourceDefinition): string {
  const { group, names, versions } = crd.spec;
  const [version] = versions;
  const schema = version?.schema?.openAPIV3Schema;
  const lines = [
    `# ${names.kind}`,
    '',
    '<!-- Written by hack/generate-crds.ts from src/operator/api. Do not edit. -->',
    '',
    `\`apiVersion: ${group}/${version?.name}\`, \`kind: ${names.kind}\`, short name \`${names.shortNames?.join('`, `')}\`.`,
    schema?.description ?? '',
    '',
    ...rulesOf(schema ?? {}),
  ];
  for (const part of ['spec', 'status'] as const) {
    const property = schema?.properties?.[part];
    lines.push(`## ${part}`, '', property?.description ?? '', '', ...rulesOf(property ?? {}));
    lines.push('| field | type | default | what it is |', '|---|---|---|---|');
    for (const row of rowsOf(property ?? {}, '')) lines.push(row);
    lines.push('');
  }
  return lines.join('\n');
}

function rulesOf(schema: JSONSchemaProps): string[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length === 0) return [];
  return ['Refused where these do not hold:', '', ...rules.map(({ message }) => `- ${message}`), ''];
}

function* rowsOf(schema: JSONSchemaProps, path: string): Iterable<string> {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`;
    const isRequired = schema.required?.includes(key) ? ' **Required.**' : '';
    const rules = (property['x-kubernetes-validations'] ?? []).map(({ message }) => ` Rule: ${message}.`).join('');
    const byDefault = isPlain(property.default) ? `\`${JSON.stringify(property.default)}\`` : '';
    yield `| \`${at}\` | ${typeOf(property)} | ${byDefault} | ${cell(`${property.description ?? ''}${isRequired}${limitsOf(property)}${rules}`)} |`;
    yield* rowsOf(property, at);
    if (typeof property.additionalProperties === 'object') yield* rowsOf(property.additionalProperties, `${at}.NAME`);
    if (property.type === 'array') yield* rowsOf((property.items ?? {}) as JSONSchemaProps, `${at}[]`);
  }
}

function typeOf(schema: JSONSchemaProps): string {
  if (schema['x-kubernetes-int-or-string']) return 'quantity';
  if (schema.type === 'array') return `list of ${typeOf((schema.items ?? {}) as JSONSchemaProps)}`;
  if (schema.additionalProperties !== undefined) return 'map';
  return schema.type ?? 'any';
}

function limitsOf({ enum: values, minimum, maximum, maxItems }: JSONSchemaProps): string {
  const limits = [
    ...(values === undefined ? [] : [`One of ${values.map((value) => `\`${value}\``).join(', ')}.`]),
    ...(minimum === undefined && maximum === undefined ? [] : [`From ${minimum ?? 'any'} to ${maximum ?? 'any'}.`]),
    ...(maxItems === undefined ? [] : [`At most ${maxItems}.`]),
  ];
  return limits.map((limit) => ` ${limit}`).join('');
}

function isPlain(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || Array.isArray(value));
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').trim();
}
