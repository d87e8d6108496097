import type { FlowSchema, PriorityLevelConfiguration } from '../../generated/api/flowcontrol/v1.ts';
import { flowschemas, prioritylevelconfigurations } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import type { AnyObject, KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type EnsureDeps, ensureObject } from '../bootstrap/ensure.ts';
import { isSame } from '../registry/equality.ts';

/** Source of all: `pkg/registry/flowcontrol/ensurer`, `pkg/registry/flowcontrol/rest/storage_flowcontrol.go`. */

const FOLLOWS = 'apf.kubernetes.io/autoupdate-spec';
const FIELD_MANAGER = 'api-priority-and-fairness-config-producer-v1';
const PERIOD_MS = 60_000;
const EXEMPT = 'exempt';
/** Those that nobody changes; the others follow this version as long as they say so. */
const MANDATORY = new Set([EXEMPT, 'catch-all']);

type Config = (FlowSchema | PriorityLevelConfiguration) & KubeObject;

/** Go's `strconv.ParseBool`; undefined for any other text. */
function readBoolean(text: string | undefined): boolean | undefined {
  if (/^(1|t|T|TRUE|true|True)$/.test(text ?? '')) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text ?? '') ? false : undefined;
}

/** What a stored object should be; undefined where it is well. */
export function reviseConfig<T extends Config>(stored: T, wanted: T): T | undefined {
  const { annotations, generation, name = '' } = stored.metadata;
  const said = readBoolean(annotations?.[FOLLOWS]);
  const follows = MANDATORY.has(name) || (said ?? generation === 1);
  const isChanged = follows && !isSame(stored.spec, withOwnShares(stored, wanted).spec);
  if (said === follows && !isChanged) return undefined;
  const metadata = { ...stored.metadata, annotations: { ...annotations, [FOLLOWS]: String(follows) } };
  return { ...stored, metadata, spec: isChanged ? wanted.spec : stored.spec };
}

/** The exempt level may be given shares: these are its own. */
function withOwnShares<T extends Config>(stored: T, wanted: T): T {
  const { exempt } = stored.spec as PriorityLevelConfiguration['spec'];
  if (wanted.metadata.name !== EXEMPT || exempt === undefined) return wanted;
  return { ...wanted, spec: { ...wanted.spec, exempt } };
}

/** Recorded objects by their plural. */
export type StandardObjects = Readonly<Record<string, readonly AnyObject[]>>;

const types = [prioritylevelconfigurations, flowschemas] as unknown as readonly ResourceType<Config>[];

/** Brings the objects of this version in line; one write for each that is not. */
export function ensureStandardConfigs(deps: EnsureDeps, recorded: StandardObjects): Promise<void>[] {
  return types.flatMap((type) =>
    ((recorded[type.plural] ?? []) as unknown as readonly Config[]).map((wanted) =>
      ensureObject(deps, type, wanted, (stored) => reviseConfig(stored, wanted), { fieldManager: FIELD_MANAGER }),
    ),
  );
}

/** Takes away what an older version left behind, where it says that it follows the server's. */
export async function removeFormerConfigs(deps: EnsureDeps, recorded: StandardObjects): Promise<void> {
  for (const type of types) {
    const known = new Set((recorded[type.plural] ?? []).map(({ metadata }) => metadata.name));
    for (const { metadata } of await deps.reader.list(type)) {
      const { name = '', annotations } = metadata;
      if (known.has(name) || readBoolean(annotations?.[FOLLOWS]) !== true) continue;
      await deps.client.delete(type, { name }).catch((error) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }
}

/** Looks at the objects once a minute until aborted: what somebody deleted or changed comes back. */
export function keepStandardConfigs(
  deps: EnsureDeps & { readonly clock: Clock; readonly logger: Logger },
  readRecorded: () => Promise<StandardObjects>,
  signal: AbortSignal,
): void {
  const look = async (): Promise<void> => {
    const recorded = await readRecorded();
    await Promise.all(ensureStandardConfigs(deps, recorded));
    await removeFormerConfigs(deps, recorded);
  };
  const timer = deps.clock.every(PERIOD_MS, () => {
    look().catch((error) => deps.logger.warn('flow control is not up to date', { error }));
  });
  signal.addEventListener('abort', () => timer.cancel(), { once: true });
}
