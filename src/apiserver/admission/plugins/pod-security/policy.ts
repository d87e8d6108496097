import { type FieldError, fieldInvalid } from '../../../../machinery/errors/field-error.ts';

const levels = ['privileged', 'baseline', 'restricted'] as const;

export type Level = (typeof levels)[number];

/** A level as it was in one version of Kubernetes. */
export interface LevelVersion {
  readonly level: Level;
  /** The minor version; Infinity for the latest. */
  readonly minor: number;
}

/** What a namespace wants of its pods: refused, noted in the audit log, and told to the client. */
export interface Policy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

const PREFIX = 'pod-security.kubernetes.io/';
const open: LevelVersion = { level: 'privileged', minor: Number.POSITIVE_INFINITY };
const openPolicy: Policy = { enforce: open, audit: open, warn: open };

/** Namespaces without labels of the policy, which are most. */
export function hasPolicyLabels(labels: Readonly<Record<string, string>> | undefined): boolean {
  for (const key in labels) if (key.startsWith(PREFIX)) return true;
  return false;
}

/**
 * The policy that a namespace's labels ask for. Labels that cannot be read count as the strictest for `enforce`, and as
 * none for the other two. Source: pod-security-admission `api/helpers.go` (PolicyToEvaluate).
 */
export function readPolicy(labels: Readonly<Record<string, string>> | undefined): {
  readonly policy: Policy;
  readonly faults: readonly FieldError[];
} {
  if (labels === undefined || !hasPolicyLabels(labels)) return { policy: openPolicy, faults: [] };
  const faults: FieldError[] = [];
  const read = (mode: keyof Policy): { given: boolean; valid: boolean; version: boolean; lv: LevelVersion } => {
    const [levelKey, versionKey] = [`${PREFIX}${mode}`, `${PREFIX}${mode}-version`];
    const [levelText, versionText] = [labels[levelKey], labels[versionKey]];
    const level = levels.find((each) => each === levelText);
    const valid = levelText !== undefined && level !== undefined;
    if (levelText !== undefined && !valid) {
      const why = 'must be one of privileged, baseline, restricted';
      faults.push(fieldInvalid(`metadata.labels[${levelKey}]`, levelText, why));
    }
    const minor = versionText === undefined ? Number.POSITIVE_INFINITY : parseMinor(versionText);
    if (minor === undefined) {
      faults.push(fieldInvalid(`metadata.labels[${versionKey}]`, versionText, 'must be "latest" or "v1.x"'));
    }
    const fallback = levelText !== undefined && mode === 'enforce' ? 'restricted' : 'privileged';
    const lv = { level: level ?? fallback, minor: minor ?? Number.POSITIVE_INFINITY };
    return { given: levelText !== undefined, valid, version: versionText !== undefined, lv };
  };
  const enforce = read('enforce');
  const audit = read('audit');
  let warn = read('warn');
  // Who enforces a level wants to hear of it too.
  if (!warn.given && enforce.valid && compareLevels(enforce.lv.level, warn.lv.level) > 0) {
    warn = { ...warn, lv: { level: enforce.lv.level, minor: warn.version ? warn.lv.minor : enforce.lv.minor } };
  }
  return { policy: { enforce: enforce.lv, audit: audit.lv, warn: warn.lv }, faults };
}

function parseMinor(text: string): number | undefined {
  if (text === 'latest') return Number.POSITIVE_INFINITY;
  const [, digits] = /^v1\.([0-9]|[1-9][0-9]*)$/.exec(text) ?? [];
  return digits === undefined || !Number.isSafeInteger(Number(digits)) ? undefined : Number(digits);
}

/** Positive where the first is the stricter one. */
export function compareLevels(a: Level, b: Level): number {
  return levels.indexOf(a) - levels.indexOf(b);
}

export function isSameLevelVersion(a: LevelVersion, b: LevelVersion): boolean {
  return a.level === b.level && a.minor === b.minor;
}

/** `baseline:v1.30`, `restricted:latest`. */
export function levelVersionText({ level, minor }: LevelVersion): string {
  return `${level}:${minor === Number.POSITIVE_INFINITY ? 'latest' : `v1.${minor}`}`;
}
