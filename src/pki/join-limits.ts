/** Annotation of a bootstrap token's Secret: `namespace/name` of the JoinToken that it was made for. */
export const JOIN_TOKEN = 'warren.dev/join-token';
/** Annotation of the Secret: {@link JoinLimits} as JSON. */
export const JOIN_LIMITS = 'warren.dev/join-limits';
/** Annotation of the Secret: the nodes that came with it, as JSON; the server writes it. */
export const USED_BY = 'warren.dev/used-by';
/** Label of the Secret, by which those of JoinTokens are found. */
export const JOIN_TOKEN_LABEL = 'warren.dev/join-token';

export interface NodeTaint {
  readonly key: string;
  readonly value?: string | undefined;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** What a join token says of the machines that come with it. */
export interface JoinLimits {
  /** Absent: any number. */
  readonly maxUses?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly taints?: readonly NodeTaint[] | undefined;
}

/** The limits in a Secret's annotations; none where they cannot be read. */
export function readJoinLimits(annotations: Readonly<Record<string, string>> | undefined): JoinLimits {
  const value = parse(annotations?.[JOIN_LIMITS]);
  return typeof value === 'object' && value !== null ? (value as JoinLimits) : {};
}

/** The nodes that came with a token, in their order. */
export function readUsedBy(annotations: Readonly<Record<string, string>> | undefined): readonly string[] {
  const value = parse(annotations?.[USED_BY]);
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
