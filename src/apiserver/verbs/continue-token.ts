import { badRequest } from '../../machinery/errors/status-error.ts';

const VERSION = 'meta.k8s.io/v1';

/** Where the next page of a list starts. */
export interface ContinueToken {
  /** The revision that all pages share; -1 to go on with the newest state. */
  readonly revision: bigint;
  /** Key behind the list's prefix; the page starts at it, inclusive. Ends in a NUL to mean: behind this object. */
  readonly start: string;
}

/** base64url without padding of the JSON that upstream writes. Source: apiserver `pkg/storage/continue.go`. */
export function toContinueText(token: ContinueToken): string {
  const start = JSON.stringify(token.start);
  return Buffer.from(`{"v":"${VERSION}","rv":${token.revision},"start":${start}}`).toString('base64url');
}

/** @throws StatusError 400 where the text is not one of ours. */
export function parseContinueText(text: string): ContinueToken {
  const json = Buffer.from(text, 'base64url').toString('latin1');
  const fields = parseObject(json);
  if (fields['v'] !== VERSION) {
    const version = typeof fields['v'] === 'string' ? fields['v'] : '';
    throw invalidToken(`server does not recognize this encoded version ${version}`);
  }
  const start = fields['start'];
  const revision = fields['rv'];
  if (revision === undefined || revision === 0) {
    throw invalidToken('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  }
  if (typeof start !== 'string' || start === '') {
    throw invalidToken('encoded start key empty (version meta.k8s.io/v1)');
  }
  const relative = start.startsWith('/') ? start.slice(1) : start;
  if (!isClean(relative)) throw invalidToken(start);
  if (typeof revision !== 'number' || !Number.isInteger(revision)) throw invalidToken('rv is no number');
  return { revision: BigInt(revision), start: Buffer.from(relative, 'latin1').toString('utf8') };
}

function invalidToken(why: string): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Go names the first character that fits nowhere, as it stands in Latin-1.
    const first = json[0];
    if (first === undefined) throw invalidToken('unexpected end of JSON input');
    throw invalidToken(`invalid character ${toGoCharacter(first)} looking for beginning of value`);
  }
  throw invalidToken('json: cannot unmarshal into Go value of type storage.continueToken');
}

function toGoCharacter(character: string): string {
  if (character === "'") return `'\\''`;
  if (/[\x20-\x7e\xa1-\xff]/.test(character)) return `'${character}'`;
  return `'\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}'`;
}

/** A path that stays below its prefix: no empty, `.` or `..` pieces. */
function isClean(path: string): boolean {
  return path.split('/').every((piece) => piece !== '' && piece !== '.' && piece !== '..');
}
