import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import type { WebSocket } from 'ws';
import { joinWebSocket } from './pipe.ts';

/** A client of whom the test says what it has taken. */
class Client extends EventEmitter {
  bufferedAmount = 0;
  isPaused = true;
  readonly sent: (() => void)[] = [];

  send(_chunk: Buffer, _options: object, done: () => void): void {
    this.sent.push(done);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(): void {}
}

describe('a WebSocket that is joined with a backend', () => {
  it('goes on once the client has taken all but the answer to a ping', async () => {
    const client = new Client();
    const backend = new PassThrough();
    joinWebSocket(client as unknown as WebSocket, backend);
    client.bufferedAmount = 2 << 20;
    backend.write('much');
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(backend.isPaused());
    client.bufferedAmount = 6;
    for (const done of client.sent) done();
    assert.ok(!backend.isPaused());
  });

  it('hears the goodbye of a client that was not read', async () => {
    const client = new Client();
    const backend = new PassThrough();
    joinWebSocket(client as unknown as WebSocket, backend);
    client.pause();
    backend.end();
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!client.isPaused);
  });
});
