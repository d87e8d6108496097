import { quoteGo } from '../../errors/field-error.ts';
import { BOOL, listOf, mapOf, STRING, struct } from '../cel-type.ts';
import { CelError, CelMap, type CelValue } from '../values.ts';
import { type FunctionDecl, member, overload } from './function.ts';
import { LibraryValue } from './opaque-values.ts';

const NAME = 'kubernetes.URL';
export const URL_TYPE = struct(NAME);

interface Parts {
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

type UrlValue = LibraryValue<Parts>;

/** What Go's `url.ParseRequestURI` says against a text; undefined where it takes it. */
export function requestUriFault(text: string): string | undefined {
  const fail = (why: string): string => `parse ${quoteGo(text)}: ${why}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what Go refuses.
  if (/[\u0000-\u001f\u007f]/.test(text)) return fail('net/url: invalid control character in URL');
  if (text === '') return fail('empty url');
  if (text === '*') return undefined;
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  if (scheme === null && /^[^/?]*:/.test(text)) {
    return fail(text.startsWith(':') ? 'missing protocol scheme' : 'first path segment in URL cannot contain colon');
  }
  const rest = text.slice(scheme?.[0].length ?? 0).split('?')[0] ?? '';
  if (!rest.startsWith('/')) return scheme === null ? fail('invalid URI for request') : undefined;
  const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(rest);
  if (wrong !== null) return fail(`invalid URL escape ${quoteGo(wrong[0])}`);
  const authority = scheme !== null && rest.startsWith('//') ? (/^\/\/([^/]*)/.exec(rest)?.[1] ?? '') : '';
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (/[ "<>\\^`{|}]/.test(host))
    return fail(`invalid character ${quoteGo(/[ "<>\\^`{|}]/.exec(host)?.[0] ?? '')} in host name`);
  if (host.startsWith('[') && !host.includes(']')) return fail("missing ']' in host");
  const port = /:([^:\]]*)$/.exec(host.replace(/^\[[^\]]*\]/, ''))?.[1];
  if (port !== undefined && !/^\d*$/.test(port)) return fail(`invalid port ${quoteGo(`:${port}`)} after host`);
  return undefined;
}

function read(text: string): UrlValue {
  const fault = requestUriFault(text);
  if (fault !== undefined) throw new CelError(`URL parse error during conversion from string: ${fault}`);
  const [, scheme = '', authority, path = '', query = ''] =
    /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/.exec(text) ?? [];
  const host = (authority ?? '').replace(/^.*@/, '');
  const parts = { text, scheme: scheme.toLowerCase(), host, path, query };
  return new LibraryValue<Parts>(NAME, parts, (a, b) => a.text === b.text);
}

const hostname = (host: string): string =>
  host.startsWith('[') ? host.slice(1).replace(/\].*$/, '') : host.replace(/:\d*$/, '');
const port = (host: string): string => /:(\d+)$/.exec(host.replace(/^\[[^\]]*\]/, ''))?.[1] ?? '';

/** A path as it may stand in a URL. */
function escapedPath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]/gu, (char) => encodeURIComponent(char));
}

function queryOf(query: string): CelMap {
  const values = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const [key = '', ...rest] = pair.split('=');
    try {
      const [name, value] = [key, rest.join('=')].map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
      values.set(name ?? '', [...(values.get(name ?? '') ?? []), value ?? '']);
    } catch {
      // Go leaves out what it cannot read.
    }
  }
  return new CelMap([...values] as readonly (readonly [CelValue, CelValue])[]);
}

const getter = (name: string, id: string, pick: (parts: Parts) => CelValue, result = STRING): FunctionDecl => ({
  name,
  overloads: [member(`url_get_${id}`, [URL_TYPE], result, ({ value }: UrlValue) => pick(value))],
});

/** Source: apiserver `pkg/cel/library/urls.go`. */
export const urlFunctions: readonly FunctionDecl[] = [
  { name: 'url', overloads: [overload('string_to_url', [STRING], URL_TYPE, read)] },
  {
    name: 'isURL',
    overloads: [overload('is_url_string', [STRING], BOOL, (text: string) => requestUriFault(text) === undefined)],
  },
  getter('getScheme', 'scheme', ({ scheme }) => scheme),
  getter('getHost', 'host', ({ host }) => host),
  getter('getHostname', 'hostname', ({ host }) => hostname(host)),
  getter('getPort', 'port', ({ host }) => port(host)),
  getter('getEscapedPath', 'escaped_path', ({ path }) => escapedPath(path)),
  getter('getQuery', 'query', ({ query }) => queryOf(query), mapOf(STRING, listOf(STRING))),
];
