import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What a class of the client library says of itself and of its fields: the class's text first. */
export type ClassDescriptions = readonly [text: string, fields: Readonly<Record<string, string>>];

/** Descriptions by the library's class names, such as `V1Pod`. */
export type DescriptionTable = Readonly<Record<string, ClassDescriptions>>;

/** Where the installed client library keeps its model of the API. @throws Error where it is not installed */
export function packageFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('@kubernetes/client-node')), 'gen', 'models');
}

/**
 * Reads the documentation comments of all model classes: some hundred declaration files, so this takes a tenth of a
 * second or two. The library's generator has made spaces of the line breaks.
 */
export async function readPackageDescriptions(folder: string): Promise<DescriptionTable> {
  const table: Record<string, ClassDescriptions> = {};
  for (const name of (await readdir(folder)).sort()) {
    if (!name.endsWith('.d.ts') || !/V\d/.test(name)) continue;
    addClasses(table, await readFile(join(folder, name), 'utf8'));
  }
  return table;
}

/** A comment, if there is one, and the class or field that it stands before. */
const DOCUMENTED = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?(?:export declare class (\w+)|^\s*'([\w$-]+)'\??:)/gm;

function addClasses(table: Record<string, ClassDescriptions>, text: string): void {
  let fields: Record<string, string> = {};
  for (const [, comment = '', className, field] of text.matchAll(DOCUMENTED)) {
    const description = plainText(comment);
    if (className !== undefined) {
      fields = {};
      table[className] = [description, fields];
    } else if (field !== undefined && description !== '') {
      const [, type] = OF_TYPE.exec(description) ?? [];
      if (type === undefined) fields[plainName(field)] = description;
      else table[type] ??= [description, {}];
    }
  }
}

/** Types without a class: their fields are described by the type's text, and the field's own is lost. */
const OF_TYPE = /^(IntOrString|MicroTime|JSON|JSONSchemaPropsOr\w+) (?:is|represents) /;

/** Names of fields are changed where JavaScript has them for itself, or they are no names for it. */
export function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, '').toLowerCase();
}

function plainText(comment: string): string {
  return comment
    .replace(/^\s*\*\s?/gm, '')
    .replaceAll('*_/', '*/')
    .replaceAll('/_*', '/*')
    .replace(/\\(.)/g, '$1')
    .trim();
}
