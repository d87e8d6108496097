import { parseJson } from '../../machinery/codecs/json/parse.ts';
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
  const json = decodeText(text);
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
  return { revision: BigInt(revision), start: relative };
}

function invalidToken(why: string): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

/** Source: Go's `encoding/base64` (RawURLEncoding): line breaks do not count, the first other stranger does. */
function decodeText(text: string): Buffer {
  const stray = text.search(/[^A-Za-z0-9_\-\r\n]/);
  const length = text.replace(/[\r\n]/g, '').length;
  const at = stray >= 0 ? stray : length % 4 === 1 ? text.length - 1 : -1;
  if (at >= 0) throw invalidToken(`illegal base64 data at input byte ${at}`);
  return Buffer.from(text, 'base64url');
}

function parseObject(json: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    ({ value } = parseJson(json));
  } catch (error) {
    throw invalidToken(error instanceof Error ? error.message : String(error));
  }
  if (value === null) return {};
  const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  if (type !== 'object')
    throw invalidToken(`json: cannot unmarshal ${type} into Go value of type storage.continueToken`);
  return value as Record<string, unknown>;
}

/** A path that stays below its prefix: no empty, `.` or `..` pieces. */
function isClean(path: string): boolean {
  return path.split('/').every((piece) => piece !== '' && piece !== '.' && piece !== '..');
}
