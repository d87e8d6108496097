import type { Deployment } from '../generated/api/apps/v1.ts';

/** Annotation of the Deployment: the version that its image serves. */
export const SERVER_VERSION = 'warren.dev/server-version';
/** Annotation of the Deployment: the server that was ready last, as JSON. */
export const LAST_GOOD = 'warren.dev/last-good';
/** Annotation of the Deployment: the image whose server did not turn ready. */
export const FAILED_IMAGE = 'warren.dev/failed-image';

/** A server that works: what a tenant goes back to. */
export interface GoodServer {
  readonly image: string;
  readonly version: string;
  readonly args: readonly string[];
}

/** The server that is ready now, else the one that was ready last. */
export function lastGoodOf(deployment: Deployment | undefined): GoodServer | undefined {
  if (deployment === undefined) return undefined;
  const { metadata, spec, status } = deployment;
  const container = spec?.template.spec?.containers[0];
  const version = metadata.annotations?.[SERVER_VERSION];
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, observedGeneration } = status ?? {};
  const isWhole = observedGeneration === metadata.generation && replicas > 0 && updatedReplicas === replicas;
  if (isWhole && readyReplicas === replicas && container?.image !== undefined && version !== undefined)
    return { image: container.image, version, args: container.args ?? [] };
  try {
    const kept: unknown = JSON.parse(metadata.annotations?.[LAST_GOOD] ?? 'null');
    return isGoodServer(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The image that the operator wishes, where its server did not turn ready within the Deployment's deadline and another
 * one had been. It stays failed until the operator wishes another image.
 */
export function failedImageOf(
  deployment: Deployment | undefined,
  wished: string,
  good: GoodServer | undefined,
): string | undefined {
  if (deployment === undefined || good === undefined || good.image === wished) return undefined;
  if (deployment.metadata.annotations?.[FAILED_IMAGE] === wished) return wished;
  const image = deployment.spec?.template.spec?.containers[0]?.image;
  const isStuck = deployment.status?.conditions?.some(
    ({ type, status, reason }) => type === 'Progressing' && status === 'False' && reason === 'ProgressDeadlineExceeded',
  );
  return isStuck && image === wished ? wished : undefined;
}

function isGoodServer(value: unknown): value is GoodServer {
  if (typeof value !== 'object' || value === null) return false;
  const { image, version, args } = value as Record<string, unknown>;
  return typeof image === 'string' && typeof version === 'string' && Array.isArray(args);
}
