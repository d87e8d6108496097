import dns from 'node:dns';
import { Socket } from 'node:net';

/** Every connection that this process opens (`host:port`) and every name that it looks up, while it is watched. */
export class OutwardCalls {
  readonly connected: string[] = [];
  readonly looked: string[] = [];
  readonly #connect = Socket.prototype.connect;
  readonly #lookup = dns.lookup;

  watch(): void {
    const { connected, looked } = this;
    const connect = this.#connect;
    const lookup = this.#lookup;
    Socket.prototype.connect = function patched(this: Socket, ...args: unknown[]): Socket {
      const [first] = args.flat() as [{ host?: string; port?: number } | number | undefined];
      connected.push(typeof first === 'object' ? `${first.host}:${first.port}` : `${args[1]}:${first}`);
      return Reflect.apply(connect, this, args) as Socket;
    } as typeof connect;
    dns.lookup = Object.assign((...args: unknown[]) => {
      looked.push(String(args[0]));
      return Reflect.apply(lookup, dns, args);
    }, lookup) as typeof lookup;
  }

  /** Forgets what was seen. */
  clear(): void {
    this.connected.length = 0;
    this.looked.length = 0;
  }

  stop(): void {
    Socket.prototype.connect = this.#connect;
    dns.lookup = this.#lookup;
  }
}
