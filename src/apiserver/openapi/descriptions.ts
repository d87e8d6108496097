import { readFile } from 'node:fs/promises';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { type DescriptionTable, packageFolder, plainName, readPackageDescriptions } from './package-descriptions.ts';

/** What types and fields are for, in words. */
export interface Descriptions {
  /** Of a type in the generated table. */
  ofType(typeName: string): string | undefined;
  /** Of a field by its JSON name. */
  ofField(typeName: string, field: string): string | undefined;
}

/** Beside the bundle, which has no packages to read. */
const PACKED = new URL('./descriptions.json.br', import.meta.url);

/**
 * The packed table, from the file that the bundle brings along, else from the documentation of the installed client
 * library, which takes some tenths of a second. Undefined without either.
 */
export async function findPackedDescriptions(): Promise<Buffer | undefined> {
  try {
    return await readFile(PACKED);
  } catch {
    return await packInstalled();
  }
}

async function packInstalled(): Promise<Buffer | undefined> {
  try {
    return packDescriptions(await readPackageDescriptions(packageFolder()), { quality: 5 });
  } catch {
    return undefined;
  }
}

/** @param options.quality - Of brotli: 5 is quick, 11 small. */
export function packDescriptions(table: DescriptionTable, options: { quality: number }): Buffer {
  const params = { [constants.BROTLI_PARAM_QUALITY]: options.quality, [constants.BROTLI_PARAM_LGWIN]: 20 };
  return brotliCompressSync(JSON.stringify(table), { params });
}

/** Descriptions to look up; without a table there are none. */
export function unpackDescriptions(packed: Uint8Array | undefined): Descriptions {
  if (packed === undefined) return none;
  return fromTable(JSON.parse(brotliDecompressSync(packed).toString('utf8')) as DescriptionTable);
}

const none: Descriptions = { ofType: () => undefined, ofField: () => undefined };

function fromTable(table: DescriptionTable): Descriptions {
  return {
    ofType: (typeName) => classOf(table, typeName)?.[0] || undefined,
    ofField: (typeName, field) => classOf(table, typeName)?.[1][plainName(field)],
  };
}

/** `core/v1.Event` is `CoreV1Event`, and most are unique without their group: `core/v1.Pod` is `V1Pod`. */
function classOf(table: DescriptionTable, typeName: string): DescriptionTable[string] | undefined {
  const [, group = '', version = '', name = ''] = /^(\w+)\/(\w+)\.(\w+)$/.exec(typeName) ?? [];
  const versioned = `${capital(version)}${name}`;
  return table[`${capital(group)}${versioned}`] ?? table[versioned] ?? table[name];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
