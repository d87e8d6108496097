import { KUBERNETES_VERSION } from '../../machinery/object/version.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import { requireRoutable } from '../routable.ts';
import { methodNotAllowed } from '../route-errors.ts';

/** Answers `/version`; undefined for other paths. Source: apimachinery `pkg/version/types.go`. */
export function createVersionPath(): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  const body = Buffer.from(JSON.stringify(toInfo(), undefined, 2));
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

function toInfo(): Readonly<Record<string, string>> {
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
