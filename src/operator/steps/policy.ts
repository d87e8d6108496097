import { type Step, wait, want } from './step.ts';

/** Makes nothing of a tenant that its policies do not allow; one that runs stays, and is told. */
export const policyStep: Step = {
  name: 'policy',
  condition: 'PolicyViolation',
  plan({ policy, deployment }) {
    const [first] = policy?.violations.filter(({ reason }) => reason !== 'TooManyNodes') ?? [];
    if (first === undefined || deployment !== undefined) return want();
    return wait(first.reason, first.message);
  },
};
