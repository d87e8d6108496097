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
const LATEST = Number.POSITIVE_INFINITY;
const open: LevelVersion = { level: 'privileged', minor: LATEST };
/** Allows everything. */
export const openPolicy: Policy = { enforce: open, audit: open, warn: open };

/** Namespaces without labels of the policy, which are most. */
export function hasPolicyLabels(labels: Readonly<Record<string, string>> | undefined): boolean {
  for (const key in labels) if (key.startsWith(PREFIX)) return true;
  return false;
}

/**
 * The policy that a namespace's labels ask for. Labels that cannot be read count as the strictest for `enforce`, and as
 * none for the other two. Source: pod-security-admission `api/helpers.go` (PolicyToEvaluate).
 *
 * @param defaults - What counts where labels say nothing. Default: everything is allowed.
 */
export function readPolicy(
  labels: Readonly<Record<string, string>> | undefined,
  defaults: Policy = openPolicy,
): { readonly policy: Policy; readonly faults: readonly FieldError[] } {
  if (labels === undefined || !hasPolicyLabels(labels)) return { policy: defaults, faults: [] };
  const faults: FieldError[] = [];
  const read = (mode: keyof Policy): { given: boolean; valid: boolean; version: boolean; lv: LevelVersion } => {
    const [levelKey, versionKey] = [`${PREFIX}${mode}`, `${PREFIX}${mode}-version`];
    const [levelText, versionText] = [labels[levelKey], labels[versionKey]];
    const level = levelText === undefined ? defaults[mode].level : parseLevel(levelText);
    if (level === undefined) faults.push(fieldInvalid(`metadata.labels[${levelKey}]`, levelText, LEVEL_RULE));
    const minor = versionText === undefined ? defaults[mode].minor : parseMinor(versionText);
    if (minor === undefined) faults.push(fieldInvalid(`metadata.labels[${versionKey}]`, versionText, VERSION_RULE));
    const lv = { level: level ?? (mode === 'enforce' ? 'restricted' : 'privileged'), minor: minor ?? LATEST };
    const given = levelText !== undefined;
    return { given, valid: given && level !== undefined, version: versionText !== undefined, lv };
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

export const LEVEL_RULE = 'must be one of privileged, baseline, restricted';
export const VERSION_RULE = 'must be "latest" or "v1.x"';

/** Undefined for what is no level. */
export function parseLevel(text: string): Level | undefined {
  return levels.find((each) => each === text);
}

/** The minor version of `v1.x`, or that of `latest`; undefined for anything else. */
export function parseMinor(text: string): number | undefined {
  if (text === 'latest') return LATEST;
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
  return `${level}:${minor === LATEST ? 'latest' : `v1.${minor}`}`;
}
