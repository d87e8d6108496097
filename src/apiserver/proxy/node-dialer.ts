import type { Duplex } from 'node:stream';

/** Opens byte streams to nodes, and through them to what runs there. */
export interface NodeDialer {
  /**
   * @param node - Name of the node.
   * @param host - Address as the node sees it: its own, or that of one of its pods.
   * @throws Error that says why it cannot be reached; addresses that the way does not allow are refused.
   */
  dial(node: string, host: string, port: number, signal: AbortSignal): Promise<Duplex>;
}
