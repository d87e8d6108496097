import type { User } from '../call.ts';

/**
 * Says to an extension server for whom the proxy asks, as a flat list of names and values.
 * Source: client-go `transport/round_trippers.go` (SetAuthProxyHeaders).
 */
export function proxyHeaders({ name, uid, groups, extra = {} }: User): readonly string[] {
  const headers = ['X-Remote-User', name];
  if (uid) headers.push('X-Remote-Uid', uid);
  for (const group of groups) headers.push('X-Remote-Group', group);
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) headers.push(`X-Remote-Extra-${escapeKey(key)}`, value);
  }
  return headers;
}

/** What may not stand in a header's name, and the sign of escapes, are written by their bytes. */
function escapeKey(key: string): string {
  return [...Buffer.from(key, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[A-Za-z0-9!#$&'*+.^_`|~-]/.test(character)) return character;
      return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
