import { content, type Der, dotted, oid, parts, sequence, set, utf8 } from './der.ts';

export interface DistinguishedName {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

/** Organizations first, as Go writes names; all of them in one set. */
export function nameToDer({ commonName, organizations }: DistinguishedName): Der {
  const attribute = (type: string, text: string): Der => sequence(oid(type), utf8(text));
  const sets: Der[] = [];
  if (organizations.length > 0) sets.push(set(...organizations.map((text) => attribute(ORGANIZATION, text))));
  if (commonName !== '') sets.push(set(attribute(COMMON_NAME, commonName)));
  return sequence(...sets);
}

export function nameFromDer(der: Der | undefined): DistinguishedName {
  const attributes = parts(der).flatMap((each) => parts(each));
  const valuesOf = (type: string): string[] =>
    attributes
      .filter((each) => dotted(parts(each)[0]) === type)
      .map((each) => content(parts(each)[1]).toString('utf8'));
  return { commonName: valuesOf(COMMON_NAME)[0] ?? '', organizations: valuesOf(ORGANIZATION) };
}
