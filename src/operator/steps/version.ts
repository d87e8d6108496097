import type { Observed } from '../observed.ts';
import { type Step, type StepOutcome, wait, want } from './step.ts';

/** `v1.36` of `v1.36.2+warren1`. */
export function minorOf(version: string): string {
  return /^v\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** Refuses a version that the operator's image does not serve, before anything is made for it. */
export const versionStep: Step = {
  name: 'version',
  condition: 'VersionServed',
  plan({ spec, settings }: Observed): StepOutcome {
    const wished = spec.version;
    const served = settings.serverVersion;
    if (wished === undefined || wished === served || wished === minorOf(served)) return want();
    if (wished === served.replace(/\+.*$/, '')) return want();
    return wait(
      'VersionNotServed',
      `spec.version is ${wished}, and this operator serves ${served}: set ${minorOf(served)}, leave it empty, or install an operator of that version`,
    );
  },
};
