import type { Client } from '../client/client.ts';
import type { Container } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { VolumeNotReadyError } from './volumes.ts';

/**
 * The variables of a container: plain values, and keys of Secrets.
 *
 * @throws VolumeNotReadyError where a Secret or its key is not there yet.
 */
export async function readEnvironment(
  client: Client,
  namespace: string | undefined,
  container: Container,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {};
  for (const { name = '', value = '', valueFrom } of container.env ?? []) {
    const reference = valueFrom?.secretKeyRef;
    if (reference === undefined) {
      values[name] = value;
      continue;
    }
    const secretName = reference.name ?? '';
    const secret = await client.get(secrets, { namespace, name: secretName }, { signal }).catch((error) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const data = secret?.data?.[reference.key];
    if (data !== undefined) values[name] = Buffer.from(data, 'base64').toString('utf8');
    else if (reference.optional !== true)
      throw new VolumeNotReadyError(
        secret === undefined
          ? `secret "${secretName}" not found`
          : `secret "${secretName}" has no key "${reference.key}"`,
      );
  }
  return values;
}
