const cite = new Set(['cite']);
const href = new Set(['href']);
const src = new Set(['src']);
const frame = new Set(['longdesc', 'src']);

/** Attributes that hold links, by tag. Source: apimachinery `pkg/util/proxy/transport.go` (atomsToAttrs). */
const linksOf: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['a', href],
  ['applet', new Set(['codebase'])],
  ['area', href],
  ['audio', src],
  ['base', href],
  ['blockquote', cite],
  ['body', new Set(['background'])],
  ['button', new Set(['formaction'])],
  ['command', new Set(['icon'])],
  ['del', cite],
  ['embed', src],
  ['form', new Set(['action'])],
  ['frame', frame],
  ['head', new Set(['profile'])],
  ['html', new Set(['manifest'])],
  ['iframe', frame],
  ['img', new Set(['longdesc', 'src', 'usemap'])],
  ['input', new Set(['src', 'usemap', 'formaction'])],
  ['ins', cite],
  ['link', href],
  ['object', new Set(['classid', 'codebase', 'data', 'usemap'])],
  ['q', cite],
  ['script', src],
  ['source', src],
  ['video', new Set(['poster', 'src'])],
]);

/** Elements whose content is text up to their end. Source: `golang.org/x/net/html` (readStartTag). */
const rawText = new Set([
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'plaintext',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);

/** Everything that is no start tag: comments, declarations, end tags. */
const NAME = /[a-zA-Z][^ \n\r\t\f/>]*/y;
const ATTRIBUTE =
  /[ \n\r\t\f/]*(=?[^ \n\r\t\f/>=]*)[ \n\r\t\f]*(=[ \n\r\t\f]*(?:"([^"]*)"|'([^']*)'|(?!>)([^ \n\r\t\f>]*)))?/y;

/**
 * A page whose links went through `rewrite`. As upstream, all start tags are written anew: names in lower case, values in
 * double quotes. Bytes stand for themselves (latin1).
 *
 * Source: apimachinery `pkg/util/proxy/transport.go` (rewriteHTML).
 */
export function rewriteHtml(page: string, rewrite: (link: string) => string): string {
  const out: string[] = [];
  let at = 0;
  while (at < page.length) {
    const open = page.indexOf('<', at);
    if (open < 0) break;
    out.push(page.slice(at, open));
    NAME.lastIndex = open + 1;
    const name = NAME.exec(page)?.[0].toLowerCase();
    if (name === undefined) {
      const end = endOfOther(page, open);
      out.push(page.slice(open, end));
      at = end;
      continue;
    }
    const tag = readTag(page, NAME.lastIndex);
    // A tag that never ends is no tag.
    if (tag === undefined) {
      at = page.length;
      break;
    }
    out.push(writeTag(name, tag, rewrite));
    at = tag.end;
    if (rawText.has(name) && !tag.closesItself) {
      const end = endOfRawText(page, at, name);
      out.push(page.slice(at, end));
      at = end;
    }
  }
  out.push(at < page.length ? page.slice(at) : '');
  return out.join('');
}

interface Tag {
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly closesItself: boolean;
  readonly end: number;
}

function readTag(page: string, from: number): Tag | undefined {
  const attributes: [string, string][] = [];
  for (let at = from; at < page.length; ) {
    if (page[at] === '>') return { attributes, closesItself: page[at - 1] === '/', end: at + 1 };
    ATTRIBUTE.lastIndex = at;
    const found = ATTRIBUTE.exec(page);
    if (found === null || found[0] === '') return undefined;
    const [text, name = '', , double, single, bare] = found;
    if (name !== '') attributes.push([name.toLowerCase(), double ?? single ?? bare ?? '']);
    at += text.length;
  }
  return undefined;
}

function writeTag(name: string, { attributes, closesItself }: Tag, rewrite: (link: string) => string): string {
  const links = linksOf.get(name);
  const text = attributes.map(([key, raw]) => {
    const value = links?.has(key) ? escapeValue(rewrite(unescapeValue(raw))) : normalizeValue(raw);
    return ` ${key}="${value}"`;
  });
  return `<${name}${text.join('')}${closesItself ? '/' : ''}>`;
}

function endOfOther(page: string, open: number): number {
  if (page.startsWith('<!--', open)) {
    const end = page.indexOf('-->', open + 4);
    return end < 0 ? page.length : end + 3;
  }
  if (!/[!?/]/.test(page[open + 1] ?? '')) return open + 1;
  const end = page.indexOf('>', open);
  return end < 0 ? page.length : end + 1;
}

function endOfRawText(page: string, from: number, name: string): number {
  if (name === 'plaintext') return page.length;
  const end = new RegExp(`</${name}(?=[ \\n\\r\\t\\f/>])`, 'gi');
  end.lastIndex = from;
  return end.exec(page)?.index ?? page.length;
}

const ENTITY = /&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|(amp|lt|gt|quot|apos));/g;
const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Names of other characters stay as they are written. */
function unescapeValue(raw: string): string {
  return raw.replace(ENTITY, (_, decimal?: string, hex?: string, name = '') => {
    const code = decimal === undefined ? (hex === undefined ? undefined : Number.parseInt(hex, 16)) : Number(decimal);
    if (code === undefined) return named[name] ?? '';
    return code > 0x10_ffff ? '\ufffd' : Buffer.from(String.fromCodePoint(code)).toString('latin1');
  });
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  "'": '&#39;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  '\r': '&#13;',
};

function escapeValue(value: string): string {
  return value.replace(/[&'<>"\r]/g, (char) => escapes[char] ?? char);
}

/** A value that is no link, in the same spelling as all others; the names of its characters stay. */
function normalizeValue(raw: string): string {
  return raw
    .split(/(&[a-zA-Z][a-zA-Z0-9]*;)/)
    .map((piece, index) =>
      index % 2 === 1 && !Object.hasOwn(named, piece.slice(1, -1)) ? piece : escapeValue(unescapeValue(piece)),
    )
    .join('');
}
