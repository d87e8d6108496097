import { KUBERNETES_VERSION } from '../../machinery/object/version.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import { requireRoutable } from '../routable.ts';
import { methodNotAllowed } from '../route-errors.ts';

/** Answers `/version`; undefined for other paths. Source: apimachinery `pkg/version/types.go`. */
export function createVersionPath(): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  const body = Buffer.from(JSON.stringify(versionInfo(), undefined, 2));
  return (call) => {
    if (call.path !== '/version' && call.path !== '/version/') return undefined;
    return answer(call, body);
  };
}

async function answer(call: AuthenticatedCall, body: Buffer): Promise<Answer> {
  if (call.method !== 'GET' && call.method !== 'HEAD') throw methodNotAllowed();
  requireRoutable(call, 'application/json');
  return { kind: 'bytes', status: 200, contentType: 'application/json', body };
}

export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly emulationMajor: string;
  readonly emulationMinor: string;
  readonly minCompatibilityMajor: string;
  readonly minCompatibilityMinor: string;
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

/** What `/version` tells. */
export function versionInfo(): VersionInfo {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: KUBERNETES_VERSION,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '',
    goVersion: `node ${process.version}`,
    compiler: 'v8',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
