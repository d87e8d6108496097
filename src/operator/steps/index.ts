import { addressStep } from './address.ts';
import { certificatesStep } from './certificates.ts';
import { datastoreStep } from './datastore.ts';
import { disruptionBudgetStep } from './disruption-budget.ts';
import { kubeconfigStep } from './kubeconfig.ts';
import { networkPolicyStep } from './network-policy.ts';
import { policyStep } from './policy.ts';
import { publicationStep } from './publication.ts';
import { restoreStep } from './restore.ts';
import { serverStep } from './server.ts';
import { serviceStep } from './service.ts';
import type { Step } from './step.ts';
import { tokenStep } from './token.ts';
import { versionStep } from './version.ts';

/** The parts of a tenant in the order in which they are brought about; each may rely on those before it. */
export const steps: readonly Step[] = [
  policyStep,
  versionStep,
  serviceStep,
  datastoreStep,
  restoreStep,
  addressStep,
  certificatesStep,
  tokenStep,
  networkPolicyStep,
  disruptionBudgetStep,
  serverStep,
  kubeconfigStep,
  publicationStep,
];
