import type { Duplex } from 'node:stream';

/**
 * How servers of one cluster pass streams to nodes on to each other, over TLS on both sides:
 *
 *     asks:    {"node":"n1"}                          is there a tunnel of this node?
 *     answers: {"silentMs":1200} | {}
 *     asks:    {"host":"10.42.0.7","port":8080}       or ends here, where another server heard of it later
 *     answers: {} | {"error":"..."}
 *              and frames until the end: what the node sent, and why the stream broke, where it did
 *
 * Whoever asked sends plain bytes from then on. Each message is one line of JSON. `silentMs` counts from when the node's
 * agent was last heard.
 */

/** The protocol's name in TLS: no other service is taken for it. */
export const RELAY_PROTOCOL = 'warren-relay/1';
/** Common name of the certificates of servers among themselves. */
export const REPLICA_NAME = 'warren:replica';
/** The longest line; names and addresses are at most 253 bytes. */
const MAX_LINE_BYTES = 2_048;

export function toLine(message: object): string {
  return `${JSON.stringify(message)}\n`;
}

/** Reads one line and leaves what follows in the stream. @throws Error where it ends before, or the line is too long. */
export async function readLine(stream: Duplex): Promise<Readonly<Record<string, unknown>>> {
  const text = await new Promise<string>((resolve, reject) => {
    let read = Buffer.alloc(0);
    const take = (): void => {
      for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
        read = Buffer.concat([read, chunk]);
        const end = read.indexOf(0x0a);
        if (end < 0 && read.length <= MAX_LINE_BYTES) continue;
        finish();
        if (end < 0) reject(new Error('the line is too long'));
        else {
          if (end + 1 < read.length) stream.unshift(read.subarray(end + 1));
          resolve(read.toString('utf8', 0, end));
        }
        return;
      }
    };
    const fail = (error?: Error): void => {
      finish();
      reject(error ?? new Error('the connection has ended'));
    };
    const end = (): void => fail();
    const finish = (): void => {
      stream.off('readable', take).off('end', end).off('close', end).off('error', fail);
    };
    stream.on('readable', take).on('end', end).on('close', end).on('error', fail);
    take();
  });
  const message: unknown = JSON.parse(text);
  if (typeof message !== 'object' || message === null) throw new Error('the line is no message');
  return message as Readonly<Record<string, unknown>>;
}
