import * as baseline from './baseline-checks.ts';
import type { Check, CheckedPod, Finding } from './finding.ts';
import type { LevelVersion } from './policy.ts';
import * as restricted from './restricted-checks.ts';

interface VersionedCheck {
  /** The first minor version that it is part of. */
  readonly since: number;
  readonly check: Check;
  /** The check of the baseline that this one stands for from then on. */
  readonly instead?: string;
}

type Checks = readonly (readonly [id: string, versions: readonly VersionedCheck[]])[];

/** In the order of their names, which is the order of the findings. */
const baselineChecks: Checks = [
  ['appArmorProfile', [{ since: 0, check: baseline.appArmorProfile }]],
  ['capabilities_baseline', [{ since: 0, check: baseline.baselineCapabilities }]],
  ['hostNamespaces', [{ since: 0, check: baseline.hostNamespaces }]],
  ['hostPathVolumes', [{ since: 0, check: baseline.hostPathVolumes }]],
  ['hostPorts', [{ since: 0, check: baseline.hostPorts }]],
  ['hostProbesAndHostLifecycle', [{ since: 34, check: baseline.hostProbesAndHostLifecycle }]],
  ['privileged', [{ since: 0, check: baseline.privileged }]],
  [
    'procMount',
    [
      { since: 0, check: baseline.procMount },
      { since: 35, check: restricted.butNotInUserNamespaces(baseline.procMount) },
    ],
  ],
  [
    'seLinuxOptions',
    [
      { since: 0, check: baseline.seLinuxOptions.since0 },
      { since: 31, check: baseline.seLinuxOptions.since31 },
    ],
  ],
  [
    'seccompProfile_baseline',
    [
      { since: 0, check: baseline.seccompAnnotations },
      { since: 19, check: baseline.seccompProfile },
    ],
  ],
  [
    'sysctls',
    [
      { since: 0, check: baseline.sysctls.since0 },
      { since: 27, check: baseline.sysctls.since27 },
      { since: 29, check: baseline.sysctls.since29 },
      { since: 32, check: baseline.sysctls.since32 },
    ],
  ],
  ['windowsHostProcess', [{ since: 0, check: baseline.windowsHostProcess }]],
];

const restrictedChecks: Checks = [
  [
    'allowPrivilegeEscalation',
    [
      { since: 8, check: restricted.allowPrivilegeEscalation },
      { since: 25, check: restricted.butNotOnWindows(restricted.allowPrivilegeEscalation) },
    ],
  ],
  [
    'capabilities_restricted',
    [
      { since: 22, check: restricted.restrictedCapabilities, instead: 'capabilities_baseline' },
      {
        since: 25,
        check: restricted.butNotOnWindows(restricted.restrictedCapabilities),
        instead: 'capabilities_baseline',
      },
    ],
  ],
  ['procMount_restricted', [{ since: 35, check: baseline.procMount, instead: 'procMount' }]],
  ['restrictedVolumes', [{ since: 0, check: restricted.restrictedVolumes, instead: 'hostPathVolumes' }]],
  [
    'runAsNonRoot',
    [
      { since: 0, check: restricted.runAsNonRoot },
      { since: 35, check: restricted.butNotInUserNamespaces(restricted.runAsNonRoot) },
    ],
  ],
  [
    'runAsUser',
    [
      { since: 23, check: restricted.runAsUser },
      { since: 35, check: restricted.butNotInUserNamespaces(restricted.runAsUser) },
    ],
  ],
  [
    'seccompProfile_restricted',
    [
      { since: 19, check: restricted.requiredSeccompProfile, instead: 'seccompProfile_baseline' },
      {
        since: 25,
        check: restricted.butNotOnWindows(restricted.requiredSeccompProfile),
        instead: 'seccompProfile_baseline',
      },
    ],
  ],
];

/**
 * Everything that speaks against a pod at a level, those of the baseline first. A version that is yet to come counts as
 * the newest. Source: pod-security-admission `policy/registry.go`.
 */
export function evaluatePod({ level, minor }: LevelVersion, pod: CheckedPod): readonly Finding[] {
  if (level === 'privileged') return [];
  const strict = level === 'restricted' ? current(restrictedChecks, minor) : [];
  const replaced = new Set(strict.map(({ version }) => version.instead));
  const common = current(baselineChecks, minor).filter(({ id }) => !replaced.has(id));
  return [...common, ...strict].map(({ version }) => version.check(pod)).filter((finding) => finding !== undefined);
}

function current(checks: Checks, minor: number): readonly { readonly id: string; readonly version: VersionedCheck }[] {
  return checks.flatMap(([id, versions]) => {
    const version = versions.findLast(({ since }) => since <= minor);
    return version === undefined ? [] : [{ id, version }];
  });
}

/** All reasons on one line. */
export function reasonsText(findings: readonly Finding[]): string {
  return findings.map(({ reason }) => reason).join(', ');
}

/** All reasons on one line, each with what was found. */
export function detailsText(findings: readonly Finding[]): string {
  return findings.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ');
}
