import { createHash } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { CustomResourceDefinition } from '../generated/api/apiextensions/v1.ts';
import { customresourcedefinitions } from '../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';

type Definition = CustomResourceDefinition & KubeObject;

/** Says which text of ours a stored definition came from, so that an unchanged one costs a read at each start. */
const HASH_ANNOTATION = 'warren.dev/definition-hash';
const FIELD_MANAGER = 'warren-addons';
const POLL_MS = 50;

/**
 * Installs a definition or brings it up to date, and resolves once its objects are served.
 * @param options.fuller - Left as it is where it is installed already.
 * @throws what the server says, or the signal's reason
 */
export async function ensureDefinition(
  client: Client,
  definition: CustomResourceDefinition,
  options: { readonly clock: Clock; readonly signal: AbortSignal; readonly fuller?: CustomResourceDefinition },
): Promise<void> {
  const { clock, signal, fuller } = options;
  const type = customresourcedefinitions as ResourceType<Definition>;
  const hash = hashOf(definition);
  const name = definition.metadata?.name ?? '';
  const wanted = {
    ...definition,
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { ...definition.metadata, annotations: { [HASH_ANNOTATION]: hash } },
  } as Definition;
  const read = async (): Promise<Definition | undefined> => {
    try {
      return await client.get(type, { name }, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  let present = await read();
  if (present === undefined) {
    try {
      present = await client.create(type, wanted, { fieldManager: FIELD_MANAGER, signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  } else if (![hash, fuller && hashOf(fuller)].includes(present.metadata.annotations?.[HASH_ANNOTATION])) {
    const how = { type: 'apply', force: true, fieldManager: FIELD_MANAGER, signal } as const;
    present = await client.patch(type, { name }, wanted, how);
  }
  while (!isEstablished(present)) {
    await clock.sleep(POLL_MS, signal);
    present = await read();
  }
}

function hashOf(definition: CustomResourceDefinition): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 16);
}

function isEstablished(definition: Definition | undefined): boolean {
  return (
    definition?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false
  );
}
