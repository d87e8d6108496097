import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Observed, OperatorSettings } from './observed.ts';
import type { PolicyVerdict } from './policies/judge.ts';
import { failedImageOf, lastGoodOf, SERVER_VERSION } from './rollback.ts';
import { judgeVersion } from './steps/version.ts';

/**
 * The server that a tenant gets: the operator's own; or the one that it has, where its version may not change; or the
 * one that was ready last, where the operator's did not turn ready. All else that is wished is done in each case.
 */
export function holdBack(
  settings: OperatorSettings,
  wished: string | undefined,
  deployment: Deployment | undefined,
  policy: PolicyVerdict | undefined,
): Pick<Observed, 'settings' | 'versionFault' | 'heldArgs' | 'lastGood' | 'failedImage'> {
  const running = deployment?.metadata.annotations?.[SERVER_VERSION];
  const lastGood = lastGoodOf(deployment);
  const forbidden = policy?.violations.find(({ reason }) => reason === 'VersionNotAllowed');
  const versionFault =
    judgeVersion(wished, settings.serverVersion, running) ??
    (running === settings.serverVersion ? undefined : forbidden);
  const { image, args } = deployment?.spec?.template.spec?.containers[0] ?? {};
  if (versionFault !== undefined) {
    if (running === undefined || image === undefined) return { settings, versionFault, lastGood };
    return { settings: { ...settings, serverVersion: running, image }, versionFault, heldArgs: args, lastGood };
  }
  const failedImage = failedImageOf(deployment, settings.image, lastGood);
  if (failedImage === undefined || lastGood === undefined) return { settings, lastGood };
  return {
    settings: { ...settings, serverVersion: lastGood.version, image: lastGood.image },
    versionFault: {
      reason: 'RolledBack',
      message: `the server of ${failedImage} did not turn ready, so ${lastGood.version} runs again: its log tells why; another image of the operator is tried anew`,
    },
    heldArgs: lastGood.args,
    lastGood,
    failedImage,
  };
}
