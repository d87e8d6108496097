import type { Call } from '../call.ts';

/** Headers that say who the caller is; a backend must not be able to use them against the server. */
const private_ = ['authorization', 'impersonate-', 'x-remote-'];
/** Headers of one hop. Source: RFC 9110, 7.6.1. */
const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The headers of a call for a backend: without credentials and without those that end at this hop, and with the
 * client's address added.
 */
export function backendHeaders(
  call: Call,
  options: { readonly host: string; readonly keepsUpgrade?: boolean | undefined },
): readonly string[] {
  const raw = call.rawHeaders ?? [];
  const kept: string[] = ['Host', options.host];
  const forwarded: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'host' || lower.startsWith(':') || private_.some((start) => lower.startsWith(start))) continue;
    if (lower === 'x-forwarded-for') forwarded.push(value);
    else if (!hopByHop.has(lower)) kept.push(name, value);
  }
  const upgrade = call.header('upgrade');
  if (options.keepsUpgrade && upgrade !== undefined) kept.push('Connection', 'Upgrade', 'Upgrade', upgrade);
  const address = call.raw?.request.socket.remoteAddress?.replace(/^::ffff:/, '');
  if (address !== undefined) forwarded.push(address);
  if (forwarded.length > 0) kept.push('X-Forwarded-For', forwarded.join(', '));
  return kept;
}

/** Whether a header of an answer ends at this hop. */
export function isHopByHop(name: string): boolean {
  return hopByHop.has(name.toLowerCase());
}
