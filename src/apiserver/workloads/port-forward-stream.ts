import { Duplex } from 'node:stream';
import { requestUpgrade } from '../proxy/kubelet.ts';
import { SpdyClient } from '../proxy/spdy/client.ts';

const PROTOCOL = 'portforward.k8s.io';

/**
 * Opens a connection to a port of a pod through its kubelet, as `kubectl port-forward` does: for agents that let the
 * server reach their kubelet and nothing else. The pod sees it come from its own loopback address.
 *
 * @param kubelet - A TLS connection to the kubelet of the pod's node, which becomes the stream's own.
 * @throws Error with what the kubelet said.
 * Source: client-go `tools/portforward/portforward.go`.
 */
export async function openPortForward(
  kubelet: Duplex,
  { namespace, pod, port, host }: { namespace: string; pod: string; port: number; host: string },
): Promise<Duplex> {
  const path = `/portForward/${[namespace, pod].map(encodeURIComponent).join('/')}`;
  const headers = {
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'SPDY/3.1',
    'X-Stream-Protocol-Version': PROTOCOL,
    'Content-Length': '0',
  };
  const outcome = await requestUpgrade(kubelet, { method: 'POST', path, headers });
  if (!outcome.upgraded) {
    kubelet.destroy();
    throw new Error(`the kubelet forwards no port: it answered ${outcome.answer.statusCode}`);
  }
  const stream = new PortForwardStream(outcome.socket, outcome.head);
  try {
    await stream.open(port);
    return stream;
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

/** The data of one forwarded connection. What the kubelet complains of breaks it. */
class PortForwardStream extends Duplex {
  readonly #spdy: SpdyClient;
  #data = 0;

  constructor(socket: Duplex, head: Buffer) {
    super();
    // It may break while nobody has it in hand: before it is open, or after it was used.
    this.on('error', () => {});
    this.#spdy = new SpdyClient(socket, head, (error) => {
      if (error !== undefined) this.destroy(error);
      else if (!this.readableEnded) this.push(null);
    });
  }

  async open(port: number): Promise<void> {
    const headers = { port: String(port), requestid: '0' };
    const complaints = await this.#spdy.open(
      { ...headers, streamtype: 'error' },
      { onData: (data) => this.destroy(new Error(data.toString('utf8'))) },
    );
    this.#spdy.end(complaints);
    this.#data = await this.#spdy.open(
      { ...headers, streamtype: 'data' },
      {
        onData: (data) => {
          if (!this.push(data)) this.#spdy.pause();
        },
        onEnd: () => void (this.readableEnded || this.push(null)),
      },
    );
  }

  override _read(): void {
    this.#spdy.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#spdy.write(this.#data, chunk)) done();
    else void this.#spdy.drained().then(done);
  }

  override _final(done: () => void): void {
    this.#spdy.end(this.#data);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#spdy.close();
    done(error);
  }
}
