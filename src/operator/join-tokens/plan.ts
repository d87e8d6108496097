import { readUsedBy } from '../../pki/join-limits.ts';
import type { JoinToken, JoinTokenPhase } from '../api/join-token.ts';
import { durationMs } from '../api/virtual-cluster-backup.ts';

/** How a token stands. */
export interface TokenState {
  readonly phase: Exclude<JoinTokenPhase, 'Pending'>;
  readonly expiresMs?: number | undefined;
  readonly usedBy: readonly string[];
}

/**
 * Judges a token by what it says and by what the tenant wrote down of its use; pure.
 *
 * @param annotations - Of its Secret in the tenant; undefined where that is not there.
 */
export function judgeToken(
  { spec, status, metadata }: JoinToken,
  annotations: Readonly<Record<string, string>> | undefined,
  nowMs: number,
): TokenState {
  const ttlMs = durationMs(spec.ttl ?? '24h') ?? 0;
  const expiresMs = ttlMs === 0 ? undefined : Date.parse(metadata.creationTimestamp ?? '') + ttlMs;
  // A Secret that is gone, or came back from a backup, knows less than was known before.
  const usedBy = [...new Set([...(status?.usedBy ?? []), ...readUsedBy(annotations)])];
  const phase =
    spec.revoked || metadata.deletionTimestamp !== undefined
      ? 'Revoked'
      : expiresMs !== undefined && expiresMs <= nowMs
        ? 'Expired'
        : spec.maxUses !== undefined && usedBy.length >= spec.maxUses
          ? 'Exhausted'
          : 'Active';
  return { phase, expiresMs, usedBy };
}
