/** Where a proxied page comes from, and where its links shall lead. */
export interface LinkPlace {
  /** Path of the proxy, without a slash at its end. */
  readonly base: string;
  /** `host:port` of the backend. */
  readonly authority: string;
  /** The host that the client asked, as in its Host header. */
  readonly requestHost: string;
}

/**
 * A link of a proxied page, which leads through the proxy where it is a path of the same host; bytes stand for themselves
 * (latin1). What cannot be read stays as it is.
 *
 * Source: apimachinery `pkg/util/proxy/transport.go` (rewriteURL), Go `net/url`.
 */
export function rewriteLink(link: string, { base, authority, requestHost }: LinkPlace): string {
  const parsed = parse(link);
  if (parsed === undefined) return link;
  const { scheme, host, path, rest, isOpaque } = parsed;
  if (isOpaque) return link;
  const isElsewhere = host !== undefined && host !== '' && host !== authority && host !== requestHost;
  const origin = `${scheme}${host === undefined ? '' : `//${host}`}`;
  if (isElsewhere || !path.startsWith('/')) return `${origin}${escaped(path)}${rest}`;
  const kept = host === requestHost ? origin : '';
  const decoded = decode(path) ?? path;
  if (decoded.startsWith(base)) return `${kept}${escaped(path)}${rest}`;
  const joined = joinPath(base, decoded);
  const slash = decoded.endsWith('/') ? '/' : '';
  return `${kept}${encode(joined + slash)}${rest}`;
}

interface ParsedLink {
  /** With its colon, or empty. */
  readonly scheme: string;
  /** Undefined where the link has no authority. */
  readonly host: string | undefined;
  readonly path: string;
  /** Query and fragment with their marks. */
  readonly rest: string;
  readonly isOpaque: boolean;
}

/** Undefined for what Go cannot read. */
function parse(link: string): ParsedLink | undefined {
  if ([...link].some((char) => char < ' ' || char === '\x7f')) return undefined;
  const [, scheme = '', behind = ''] = /^([a-zA-Z][a-zA-Z0-9+.-]*:)?(.*)$/s.exec(link) ?? [];
  const [, authority, path = '', rest = ''] = /^(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s.exec(behind) ?? [];
  const isBroken =
    authority !== undefined && (/[[\]]/.test(authority) ? !/^\[[^\]]*\](:\d*)?$/.test(authority) : / /.test(authority));
  if (isBroken || decode(path) === undefined) return undefined;
  const isOpaque = scheme !== '' && authority === undefined && !path.startsWith('/');
  return { scheme: scheme.toLowerCase(), host: authority, path, rest, isOpaque };
}

function decode(path: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return undefined;
  return path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Go writes a path as it was read where that is a valid spelling of it. */
function escaped(path: string): string {
  return /^[A-Za-z0-9\-_.~!$&'()*+,;=:@/[\]%]*$/.test(path) ? path : encode(decode(path) ?? path);
}

function encode(path: string): string {
  return path.replace(
    /[^A-Za-z0-9\-_.~$&+,/:;=@]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** As Go's `path.Join`: without empty and dotted pieces, and without a slash at the end. */
function joinPath(base: string, path: string): string {
  const pieces: string[] = [];
  for (const piece of `${base}/${path}`.split('/')) {
    if (piece === '..') pieces.pop();
    else if (piece !== '' && piece !== '.') pieces.push(piece);
  }
  return `/${pieces.join('/')}`;
}
