import { parseYaml } from '../../machinery/codecs/yaml/parse.ts';
import type { AnyObject } from '../../machinery/object/object.ts';

/** A file that holds no Kubernetes objects. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/**
 * The objects of a file with any number of YAML or JSON documents, lists taken apart.
 * @throws ManifestError, YamlSyntaxError
 */
export function parseManifest(text: string): AnyObject[] {
  return splitDocuments(text)
    .filter((document) => !isEmpty(document))
    .flatMap((document) => toObjects(parseYaml(Buffer.from(document)).value));
}

/** Source: apimachinery `pkg/util/yaml/decoder.go` (YAMLReader). */
function splitDocuments(text: string): string[] {
  const documents: string[][] = [[]];
  for (const line of text.split('\n')) {
    if (!line.startsWith('---')) {
      documents.at(-1)?.push(line);
      continue;
    }
    if (line.slice(3).trim() !== '')
      throw new ManifestError(`invalid Yaml document separator: ${line.slice(3).trim()}`);
    documents.push([]);
  }
  return documents.map((lines) => lines.join('\n'));
}

function isEmpty(document: string): boolean {
  return document.split('\n').every((line) => /^\s*(#.*)?$/.test(line));
}

function toObjects(value: unknown): AnyObject[] {
  const object = value as Partial<AnyObject> | null;
  if (typeof object !== 'object' || object === null || typeof object.kind !== 'string' || object.kind === '')
    throw new ManifestError(`Object 'Kind' is missing in '${JSON.stringify(value)}'`);
  const { items } = object;
  if (Array.isArray(items)) return items.flatMap(toObjects);
  if (typeof object.metadata?.name !== 'string')
    throw new ManifestError(`metadata.name is missing in a ${object.kind}`);
  return [object as AnyObject];
}
