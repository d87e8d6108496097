import { backupIdentity } from '../pki/backup-identity.ts';
import { createPkiFiles, loadPki, rotateAuthorities } from '../pki/bundle.ts';
import { issueCertificate } from '../pki/certificate.ts';
import { caHash, newPassword } from '../pki/join-token.ts';
import { adminKubeconfig, kubeconfigEndsMs } from '../pki/kubeconfig.ts';
import { newSealKey, openIdentity } from '../pki/sealed-identity.ts';
import type { Clock } from '../std/clock.ts';
import type { KeySource } from './steps/step.ts';

/** Key material from `src/pki`. */
export function createKeySource(clock: Clock): KeySource {
  return {
    newPki: () => createPkiFiles(clock.nowMs()),
    rotateAuthorities: (files) => rotateAuthorities(files, clock.nowMs()),
    newPassword,
    caHash,
    kubeconfigEndsMs,
    newSealKey,
    openIdentity,
    backupAccess(files) {
      const issued = issueCertificate(loadPki(files).client, backupIdentity, { nowMs: clock.nowMs(), days: 1 });
      return { cert: issued.chainPem, key: issued.keyPem ?? '' };
    },
    async adminKubeconfig(files, server, name) {
      return adminKubeconfig(loadPki(files), { server, name, nowMs: clock.nowMs() });
    },
  };
}
