import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { TunnelConnection } from './connection.ts';

const peer = {
  send: (_kind: string, _payload: Buffer, done?: (error?: Error | null) => void): void => done?.(),
  end: () => {},
  after: () => ({ cancel: () => {} }),
  hold: () => {},
  release: () => {},
};

/** A connection whose peer has sent so much and closed, all of which waits for a slow reader. */
function closedBehind(pieces: number, error?: Error): TunnelConnection {
  const connection = new TunnelConnection('node n1', peer);
  for (let left = pieces; left > 0; left--) connection.accept(Buffer.alloc(64 * 1024));
  connection.finish(error);
  return connection;
}

async function readSlowly(connection: TunnelConnection): Promise<number> {
  let bytes = 0;
  for await (const chunk of connection) {
    bytes += (chunk as Buffer).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return bytes;
}

describe('a connection whose peer has closed', () => {
  it('loses nothing that came before, though its reader is slow and still writes', async () => {
    const connection = closedBehind(32);
    connection.write('ping');
    const reading = readSlowly(connection);
    connection.write('ping');
    assert.equal(await reading, 32 * 64 * 1024);
  });

  it('tells behind it why it broke', async () => {
    const connection = closedBehind(4, new Error('tunnel disconnect'));
    const broken = once(connection, 'error');
    let bytes = 0;
    connection.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      connection.write('ping');
    });
    // `once` gives the error as its value where it waits for errors.
    assert.match(String((await broken)[0]), /tunnel disconnect/);
    assert.equal(bytes, 4 * 64 * 1024);
  });
});
