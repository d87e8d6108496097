import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGoUrl } from './go-url.ts';

const none = { scheme: '', user: undefined, host: '', path: '', rawQuery: '', fragment: '' };

const cases: Record<string, [string, ReturnType<typeof parseGoUrl>]> = {
  'a whole URL': [
    'https://u:p@h:1/a%20b?x=y#z',
    { scheme: 'https', user: 'u:p', host: 'h:1', path: '/a b', rawQuery: 'x=y', fragment: 'z' },
  ],
  'a scheme in capitals': ['HTTPS://h', { ...none, scheme: 'https', host: 'h' }],
  nothing: ['', none],
  'a plain name as a path': ['host', { ...none, path: 'host' }],
  'an opaque part': ['mailto:a', { ...none, scheme: 'mailto' }],
  'a missing scheme': [':a', 'parse ":a": missing protocol scheme'],
  'a colon in the first segment': ['1a:b', 'parse "1a:b": first path segment in URL cannot contain colon'],
  'a port that is none': ['https://h:x', 'parse "https://h:x": invalid port ":x" after host'],
  'a bracket that stays open': ['https://[::1', 'parse "https://[::1": missing \']\' in host'],
  'a space in a host': ['https://a b', 'parse "https://a b": invalid character " " in host name'],
  'a broken escape': ['https://h/%zz', 'parse "https://h/%zz": invalid URL escape "%zz"'],
  'an escape at the end': ['https://h/%2', 'parse "https://h/%2": invalid URL escape "%2"'],
  'a control character': ['https://h/\n', 'parse "https://h/\\n": net/url: invalid control character in URL'],
};

describe('parseGoUrl', () => {
  for (const [name, [text, parsed]] of Object.entries(cases))
    it(`reads ${name}`, () => assert.deepEqual(parseGoUrl(text), parsed));
});
