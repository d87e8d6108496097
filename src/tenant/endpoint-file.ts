import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ConfigError } from './config.ts';

/** Where a server is reached, as `--endpoint-file` tells it in JSON; it may change while the server runs. */
export interface EndpointFile {
  /** Addresses that the cluster publishes as its own. */
  readonly addresses: readonly string[];
  /** Further names and addresses of the serving certificate. */
  readonly names: readonly string[];
  /** How many nodes the cluster may have; absent: any number. */
  readonly maxNodes?: number | undefined;
}

const PERIOD_MS = 2_000;

/** @throws ConfigError */
export function readEndpointFile(path: string): EndpointFile {
  try {
    return parseEndpointFile(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`--endpoint-file ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** @throws Error that says what is wrong with it. */
export function parseEndpointFile(text: string): EndpointFile {
  const { addresses, names = [], maxNodes } = JSON.parse(text) as Record<string, unknown>;
  if (!isTexts(addresses) || addresses.length === 0 || !addresses.every((address) => isIP(address) !== 0))
    throw new Error('"addresses" must be a list of IP addresses');
  if (!isTexts(names)) throw new Error('"names" must be a list of names');
  if (maxNodes !== undefined && !(Number.isInteger(maxNodes) && Number(maxNodes) >= 0))
    throw new Error('"maxNodes" must be a whole number from 0');
  return { addresses, names, ...(maxNodes === undefined ? {} : { maxNodes: Number(maxNodes) }) };
}

/** Calls `onChange` with each new content; one that cannot be read is told, and the one before stays. */
export function followEndpointFile(
  path: string,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  onChange: (endpoint: EndpointFile) => void,
): () => void {
  let last = readText(path);
  const timer = clock.every(PERIOD_MS, () => {
    const text = readText(path);
    if (text === undefined || text === last) return;
    last = text;
    try {
      onChange(parseEndpointFile(text));
    } catch (error) {
      logger.warn('the endpoint file is not taken over', { path, error });
    }
  });
  return () => timer.cancel();
}

/** Undefined for a moment while a mounted Secret is exchanged. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '');
}
