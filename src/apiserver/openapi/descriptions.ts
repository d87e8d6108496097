import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { type DescriptionTable, packageFolder, plainName, readPackageDescriptions } from './package-descriptions.ts';

/** What types and fields are for, in words. */
export interface Descriptions {
  /** Of a type in the generated table. */
  ofType(typeName: string): string | undefined;
  /** Of a field by its JSON name. */
  ofField(typeName: string, field: string): string | undefined;
}

const compress = promisify<Buffer, object, Buffer>(brotliCompress);
const decompress = promisify<Buffer, Buffer>(brotliDecompress);

/** Beside the bundle, which has no packages to read. */
const PACKED = new URL('./descriptions.json.br', import.meta.url);

/**
 * Lends descriptions to those who build documents. Between two of them they lie packed, and nothing is read before the
 * first: from the file that the bundle brings along, else from the documentation of the installed client library.
 * Without either there are none.
 */
export class DescriptionShelf {
  readonly #packed: () => Promise<Buffer | undefined>;
  #kept: Promise<Buffer | undefined> | undefined;

  /** @param packed - Where the packed table comes from, other than usual. */
  constructor(packed: () => Promise<Buffer | undefined> = findPacked) {
    this.#packed = packed;
  }

  async lend(): Promise<Descriptions> {
    this.#kept ??= this.#packed();
    const packed = await this.#kept;
    return packed === undefined ? none : fromTable(await unpackDescriptions(packed));
  }
}

async function findPacked(): Promise<Buffer | undefined> {
  try {
    return await readFile(PACKED);
  } catch {
    return await packInstalled();
  }
}

async function packInstalled(): Promise<Buffer | undefined> {
  try {
    return await packDescriptions(await readPackageDescriptions(packageFolder()), { quality: 5 });
  } catch {
    return undefined;
  }
}

/** @param options.quality - Of brotli: 5 is quick, 11 small. */
export async function packDescriptions(table: DescriptionTable, options: { quality: number }): Promise<Buffer> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: options.quality, [constants.BROTLI_PARAM_LGWIN]: 20 };
  return await compress(Buffer.from(JSON.stringify(table)), { params });
}

async function unpackDescriptions(packed: Buffer): Promise<DescriptionTable> {
  return JSON.parse((await decompress(packed)).toString('utf8')) as DescriptionTable;
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
