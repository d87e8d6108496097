import { createPkiFiles, loadPki } from '../pki/bundle.ts';
import { caHash, newPassword } from '../pki/join-token.ts';
import { adminKubeconfig, kubeconfigEndsMs } from '../pki/kubeconfig.ts';
import type { Clock } from '../std/clock.ts';
import type { KeySource } from './steps/step.ts';

/** Key material from `src/pki`. */
export function createKeySource(clock: Clock): KeySource {
  return {
    newPki: () => createPkiFiles(clock.nowMs()),
    newPassword,
    caHash,
    kubeconfigEndsMs,
    async adminKubeconfig(files, server, name) {
      return adminKubeconfig(loadPki(files), { server, name, nowMs: clock.nowMs() });
    },
  };
}
