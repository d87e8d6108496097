import { quoteGo } from '../../machinery/errors/field-error.ts';

/** A URL in the parts that Go's parser makes of it. */
export interface GoUrl {
  readonly scheme: string;
  /** Name and password as they stand in the URL; undefined without an `@`. */
  readonly user: string | undefined;
  readonly host: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly fragment: string;
}

/** Thrown with Go's own words. */
class UrlFault extends Error {}

/** Reads a URL as Go does; a text is what Go says is wrong with it. Source: Go net/url (url.go). */
export function parseGoUrl(text: string): GoUrl | string {
  const [rest = '', fragment] = cut(text, '#');
  try {
    return { ...parseParts(rest), fragment: unescaped(fragment, false) };
  } catch (error) {
    if (!(error instanceof UrlFault)) throw error;
    return `parse ${quoteGo(rest)}: ${error.message}`;
  }
}

function parseParts(text: string): Omit<GoUrl, 'fragment'> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what Go refuses.
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new UrlFault('net/url: invalid control character in URL');
  const [scheme, afterScheme] = splitScheme(text);
  const [rest, rawQuery] = cut(afterScheme, '?');
  const none = { scheme, user: undefined, host: '', path: '', rawQuery };
  if (!rest.startsWith('/')) {
    if (scheme !== '') return none;
    if (rest.split('/')[0]?.includes(':')) throw new UrlFault('first path segment in URL cannot contain colon');
  }
  if (!rest.startsWith('//') || (scheme === '' && rest.startsWith('///')))
    return { ...none, path: unescaped(rest, false) };
  const slash = rest.indexOf('/', 2);
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
  const path = slash < 0 ? '' : rest.slice(slash);
  return { ...none, ...parseAuthority(authority), path: unescaped(path, false) };
}

function splitScheme(text: string): readonly [scheme: string, rest: string] {
  if (text.startsWith(':')) throw new UrlFault('missing protocol scheme');
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text);
  return match === null ? ['', text] : [(match[1] ?? '').toLowerCase(), text.slice(match[0].length)];
}

function parseAuthority(authority: string): { readonly user: string | undefined; readonly host: string } {
  const at = authority.lastIndexOf('@');
  const host = parseHost(authority.slice(at + 1));
  if (at < 0) return { user: undefined, host };
  const user = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) throw new UrlFault('net/url: invalid userinfo');
  unescaped(user, false);
  return { user, host };
}

function parseHost(host: string): string {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    if (end < 0) throw new UrlFault("missing ']' in host");
    checkPort(host.slice(end + 1));
  } else if (host.includes(':')) checkPort(host.slice(host.lastIndexOf(':')));
  return unescaped(host, true);
}

function checkPort(port: string): void {
  if (!/^(:[0-9]*)?$/.test(port)) throw new UrlFault(`invalid port ${quoteGo(port)} after host`);
}

function unescaped(text: string, isHost: boolean): string {
  const wrong = /%(?![0-9A-Fa-f]{2}).{0,2}/s.exec(text);
  if (wrong !== null) throw new UrlFault(`invalid URL escape ${quoteGo(wrong[0])}`);
  if (isHost) {
    const ascii = /%[0-7][0-9A-Fa-f]/.exec(text.replaceAll('%25', ''));
    if (ascii !== null) throw new UrlFault(`invalid URL escape ${quoteGo(ascii[0])}`);
    const odd = /[^A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"%\u0080-\uffff]/.exec(text);
    if (odd !== null) throw new UrlFault(`invalid character ${quoteGo(odd[0])} in host name`);
  }
  try {
    return decodeURIComponent(text);
  } catch {
    // Bytes that are no UTF-8 are nobody's concern here.
    return text;
  }
}

function cut(text: string, separator: string): readonly [before: string, after: string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
