import type { Observed } from '../observed.ts';
import { type Step, type StepOutcome, wait, want } from './step.ts';

/** `v1.36` of `v1.36.2+warren1`. */
export function minorOf(version: string): string {
  return /^v\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** Why a tenant does not get the version that the operator serves. */
export interface VersionFault {
  readonly reason: string;
  readonly message: string;
}

/**
 * Whether a tenant may run what the operator serves: as its spec has it, never an older minor than it has run, never
 * past a minor. Patches may go back, so that an operator that turns out bad can be taken back.
 *
 * @param running - The version of the server that is there; undefined: none has been.
 */
export function judgeVersion(
  wished: string | undefined,
  served: string,
  running: string | undefined,
): VersionFault | undefined {
  const isServed =
    wished === undefined || wished === served || wished === minorOf(served) || wished === served.replace(/[+-].*$/, '');
  if (!isServed) {
    return {
      reason: 'VersionNotServed',
      message: `spec.version is ${wished}, and this operator serves ${served}: set ${minorOf(served)}, leave it empty, or install an operator of that version`,
    };
  }
  const [from, to] = [minorNumber(running), minorNumber(served)];
  if (from === undefined || to === undefined) return undefined;
  if (to < from) {
    return {
      reason: 'DowngradeRefused',
      message: `the tenant runs ${running}, and this operator serves ${served}: its data may not be readable by an older version, so it stays; install an operator of ${minorOf(running ?? '')} or later`,
    };
  }
  if (to > from + 1) {
    return {
      reason: 'MinorVersionSkipped',
      message: `the tenant runs ${running}, and this operator serves ${served}: install an operator of v1.${from + 1} first, minor versions cannot be skipped`,
    };
  }
  return undefined;
}

/** The `36` of `v1.36.2`. */
export function minorNumber(version: string | undefined): number | undefined {
  const minor = /^v?1\.(\d+)/.exec(version ?? '')?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** Refuses a version that the operator's image does not serve; a tenant that runs already stays at what it has. */
export const versionStep: Step = {
  name: 'version',
  condition: 'UpToDate',
  plan({ versionFault, deployment }: Observed): StepOutcome {
    if (versionFault === undefined || deployment !== undefined) return want();
    return wait(versionFault.reason, versionFault.message);
  },
};
