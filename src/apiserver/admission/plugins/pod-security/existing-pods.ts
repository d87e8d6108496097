import type { Pod } from '../../../../generated/api/core/v1.ts';
import type { Clock } from '../../../../std/clock.ts';
import { evaluatePod, reasonsText } from './evaluate.ts';
import { type LevelVersion, levelVersionText } from './policy.ts';

const MAX_PODS = 3000;
const MAX_MS = 1000;

/**
 * What to tell about the pods that are in a namespace already when it gets a stricter level. Looks at one pod of each
 * owner before it looks at the others, at so many and so long as upstream.
 * Source: pod-security-admission `admission/admission.go` (EvaluatePodsInNamespace).
 */
export function warningsAboutPods(
  namespace: string,
  pods: readonly Pod[],
  enforce: LevelVersion,
  clock: Pick<Clock, 'nowMs'>,
): readonly string[] {
  const untilMs = clock.nowMs() + MAX_MS;
  const counts = new Map<string, { first: string; count: number }>();
  let checked = 0;
  for (const pod of byOwner(pods).slice(0, MAX_PODS)) {
    checked++;
    const findings = evaluatePod(enforce, { annotations: pod.metadata?.annotations ?? {}, spec: specOf(pod) });
    if (findings.length > 0) count(counts, reasonsText(findings), pod.metadata?.name ?? '');
    if (clock.nowMs() > untilMs) break;
  }
  const warnings: string[] = [];
  if (checked < pods.length) {
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked} of ${pods.length} existing pods`,
    );
  }
  if (counts.size === 0) return warnings;
  const level = JSON.stringify(levelVersionText(enforce));
  warnings.push(
    `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${level}`,
  );
  return [...warnings, ...Array.from(counts, ([text, found]) => `${whoText(found)}: ${text}`).sort()];
}

function specOf(pod: Pod): NonNullable<Pod['spec']> {
  return pod.spec ?? { containers: [] };
}

function count(counts: Map<string, { first: string; count: number }>, text: string, name: string): void {
  const known = counts.get(text);
  if (known === undefined) counts.set(text, { first: name, count: 1 });
  else counts.set(text, { first: name < known.first ? name : known.first, count: known.count + 1 });
}

function whoText({ first, count: total }: { first: string; count: number }): string {
  if (total === 1) return first;
  return `${first} (and ${total - 1} other ${total === 2 ? 'pod' : 'pods'})`;
}

function byOwner(pods: readonly Pod[]): readonly Pod[] {
  const owners = new Set<string>();
  const first: Pod[] = [];
  const others: Pod[] = [];
  for (const pod of pods) {
    const owner = pod.metadata?.ownerReferences?.find(({ controller }) => controller === true)?.uid;
    if (owner !== undefined && owners.has(owner)) {
      others.push(pod);
      continue;
    }
    if (owner !== undefined) owners.add(owner);
    first.push(pod);
  }
  return [...first, ...others];
}
