import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rewriteHtml } from './html-links.ts';
import { rewriteLink } from './proxied-link.ts';

const base = '/api/v1/namespaces/d/pods/p:80/proxy';
const place = { base, authority: '10.42.0.5:80', requestHost: 'api.example.com:6443' };
const latin = (text: string): string => Buffer.from(text).toString('latin1');

/** Links and what becomes of them; as recorded from kube-apiserver 1.36. */
const links: Record<string, [link: string, rewritten: string]> = {
  'a path': ['/abs', `${base}/abs`],
  'a folder': ['/abs/', `${base}/abs/`],
  'the root': ['/', `${base}/`],
  'a relative path': ['rel', 'rel'],
  'a query': ['?x', '?x'],
  'a fragment': ['#f', '#f'],
  nothing: ['', ''],
  'the backend itself': ['http://10.42.0.5:80/q', `${base}/q`],
  'the host that the client asked': ['http://api.example.com:6443/abs#f', `http://api.example.com:6443${base}/abs#f`],
  'another host': ['http://elsewhere/abs', 'http://elsewhere/abs'],
  'another host without a scheme': ['//other/x', '//other/x'],
  'what leads through the proxy already': [`${base}/z`, `${base}/z`],
  'a space': ['/a b.css?x=1', `${base}/a%20b.css?x=1`],
  'an encoded space': ['/a%20b', `${base}/a%20b`],
  'an encoded slash': ['/a%20b%2Fc', `${base}/a%20b/c`],
  'a letter beyond ASCII': [latin('/é?ü'), `${base}/%C3%A9${latin('?ü')}`],
  'dots that lead out': ['/../../secret', '/api/v1/namespaces/d/pods/secret'],
  'a script': ['javascript:alert(1)', 'javascript:alert(1)'],
  'what is no link': ['http://[bad', 'http://[bad'],
};

const pages: Record<string, [page: string, rewritten: string]> = {
  'names in lower case and values in quotes': [
    `<HTML manifest="/m"><LINK rel=stylesheet href='/a.css?x=1&y=2'><a  href="/x/"  id=Q class='k"q' disabled>`,
    `<html manifest="${base}/m"><link rel="stylesheet" href="${base}/a.css?x=1&amp;y=2"><a href="${base}/x/" id="Q" class="k&#34;q" disabled="">`,
  ],
  'tags that close themselves': ['<img src="/i.png"/><br/>', `<img src="${base}/i.png"/><br/>`],
  'an unquoted link': ['<body background=/bg.png>', `<body background="${base}/bg.png">`],
  'scripts, but not what is in them': [
    `<script src="/s.js">var a="<a href='/no'>";</script>`,
    `<script src="${base}/s.js">var a="<a href='/no'>";</script>`,
  ],
  'neither comments nor declarations nor text': [
    '<!DOCTYPE html><!-- <a href="/c"> --><title>a &amp; <b></title>t &lt; u < 3</p >',
    '<!DOCTYPE html><!-- <a href="/c"> --><title>a &amp; <b></title>t &lt; u < 3</p >',
  ],
  'characters by name': ['<a href="/x?a&amp;b" alt="&copy; &#65;">', `<a href="${base}/x?a&amp;b" alt="&copy; A">`],
  'other attributes of the same name': ['<p href="/x">', '<p href="/x">'],
  'a lonely bracket': ['a < b', 'a < b'],
};

describe('rewriteLink', () => {
  for (const [title, [link, rewritten]] of Object.entries(links)) {
    it(`rewrites ${title}`, () => assert.equal(rewriteLink(link, place), rewritten));
  }
});

describe('rewriteHtml', () => {
  for (const [title, [page, rewritten]] of Object.entries(pages)) {
    it(`writes ${title}`, () =>
      assert.equal(
        rewriteHtml(page, (link) => rewriteLink(link, place)),
        rewritten,
      ));
  }

  it('ends for every text', () => {
    const pieces = ['<', 'a', '=', '"', "'", '/', '>', ' ', '<!--', '-->', '</script', '<script', '&', '\n'];
    for (let seed = 1; seed < 3_000; seed++) {
      let state = seed;
      const page = Array.from({ length: 30 }, () => {
        state = (state * 48_271) % 2_147_483_647;
        return pieces[state % pieces.length];
      }).join('');
      assert.equal(typeof rewriteHtml(page, (link) => link), 'string');
    }
  });
});
