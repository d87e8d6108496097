import type { Container, Pod, ServiceAccount, Volume, VolumeMount } from '../../../generated/api/core/v1.ts';
import { serviceaccounts } from '../../../generated/resource-types.ts';
import type { Clock } from '../../../std/clock.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { generateName } from '../../registry/generate-name.ts';
import { type AdmissionAttempt, type AdmissionPlugin, refused } from '../admission.ts';
import { secretReferences } from './secret-references.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const ENFORCE_ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';
/** An hour and seven seconds: the odd number tells such tokens from those that were asked for. */
const TOKEN_SECONDS = 3607;

export interface ServiceAccountDeps {
  readonly reader: ObjectReader;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** As long in all as upstream waits, in smaller steps. */
const DEFAULT_ACCOUNT_TRIES = 60;
const DEFAULT_ACCOUNT_PAUSE_MS = 25;

/**
 * Gives pods a service account, its token and its pull secrets, and refuses pods whose account does not exist.
 * Source: `plugin/pkg/admission/serviceaccount`.
 */
export function serviceAccount(deps: ServiceAccountDeps): AdmissionPlugin {
  const accountOf = async (attempt: AdmissionAttempt, pod: Pod): Promise<ServiceAccount> => {
    const name = pod.spec?.serviceAccountName ?? '';
    const key = { namespace: attempt.namespace, name };
    // A controller makes the account of a new namespace: whoever made the namespace may be quicker.
    for (let tries = name === 'default' ? DEFAULT_ACCOUNT_TRIES : 1; tries > 0; tries--) {
      const account = await deps.reader.get(serviceaccounts, key);
      if (account !== undefined) return account;
      if (tries > 1) await deps.clock.sleep(DEFAULT_ACCOUNT_PAUSE_MS, attempt.signal);
    }
    const why = `error looking up service account ${attempt.namespace}/${name}: serviceaccount "${name}" not found`;
    throw refused(attempt, why);
  };
  return {
    name: 'ServiceAccount',
    operations: ['CREATE', 'UPDATE'],
    async mutate(attempt) {
      if (!isPod(attempt) || attempt.operation !== 'CREATE' || attempt.subresource !== '') return;
      const pod = attempt.object as unknown as Pod;
      // Judged here already, as upstream does: before NodeRestriction, which mutates.
      if (isMirror(pod)) validateMirror(attempt, pod);
      if (pod.spec === undefined || isMirror(pod)) return;
      if (!pod.spec.serviceAccountName) {
        pod.spec.serviceAccountName = 'default';
        pod.spec.serviceAccount = 'default';
      }
      const account = await accountOf(attempt, pod);
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod);
      const secrets = account.imagePullSecrets ?? [];
      if ((pod.spec.imagePullSecrets ?? []).length === 0 && secrets.length > 0) {
        pod.spec.imagePullSecrets = secrets.map(({ name }) => ({ name }));
      }
    },
    async validate(attempt) {
      if (!isPod(attempt)) return;
      const pod = attempt.object as unknown as Pod;
      const ephemeral = attempt.operation === 'UPDATE' && attempt.subresource === 'ephemeralcontainers';
      if (!ephemeral && (attempt.operation !== 'CREATE' || attempt.subresource !== '')) return;
      if (!ephemeral && isMirror(pod)) {
        validateMirror(attempt, pod);
        return;
      }
      if (!pod.spec?.serviceAccountName) {
        throw refused(attempt, `no service account specified for pod ${attempt.namespace}/${pod.metadata?.name ?? ''}`);
      }
      const account = await accountOf(attempt, pod);
      if (!isTrue(account.metadata?.annotations?.[ENFORCE_ANNOTATION])) return;
      const why = ephemeral ? ephemeralFault(account, pod) : secretsFault(account, pod);
      if (why === undefined) return;
      // Upstream forgets to make a refusal of it.
      throw ephemeral ? new Error(why) : refused(attempt, why);
    },
  };
}

function isPod(attempt: AdmissionAttempt): boolean {
  return attempt.group === '' && attempt.resource === 'pods' && attempt.kind.kind === 'Pod';
}

function isMirror(pod: Pod): boolean {
  return pod.metadata?.annotations?.[MIRROR_ANNOTATION] !== undefined;
}

function validateMirror(attempt: AdmissionAttempt, pod: Pod): void {
  if (pod.spec?.serviceAccountName) throw refused(attempt, 'a mirror pod may not reference service accounts');
  if (secretReferences(pod).length > 0) throw refused(attempt, 'a mirror pod may not reference secrets');
  const projections = (pod.spec?.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  if (projections.some((source) => source.serviceAccountToken !== undefined)) {
    throw refused(attempt, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

/** Source: Go `strconv.ParseBool`. */
function isTrue(text: string | undefined): boolean {
  return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text ?? '');
}

/** Why a pod may not name a Secret that it names; undefined where it may. */
function secretsFault(account: ServiceAccount, pod: Pod): string | undefined {
  const { volumes = [], initContainers = [], containers = [], imagePullSecrets = [] } = pod.spec ?? {};
  const places = [
    ...volumes.map(({ secret }) => ({ where: 'volume with', name: secret?.secretName })),
    ...initContainers.flatMap((container) => placesIn('init container', container)),
    ...containers.flatMap((container) => placesIn('container', container)),
  ];
  const fault = firstUnknown(account, places);
  if (fault !== undefined) return fault;
  const pull = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  const index = imagePullSecrets.findIndex(({ name }) => !pull.has(name));
  if (index < 0) return undefined;
  const owner = `because service account ${account.metadata?.name} does not reference that imagePullSecret`;
  return `imagePullSecrets[${index}].name="${imagePullSecrets[index]?.name ?? ''}" is not allowed ${owner}`;
}

function ephemeralFault(account: ServiceAccount, pod: Pod): string | undefined {
  const containers = (pod.spec?.ephemeralContainers ?? []) as readonly Container[];
  return firstUnknown(
    account,
    containers.flatMap((container) => placesIn('ephemeral container', container)),
  );
}

interface Place {
  readonly where: string;
  readonly name: string | undefined;
}

function placesIn(title: string, { name, env = [], envFrom = [] }: Container): readonly Place[] {
  return [
    ...env.map((variable) => ({
      where: `${title} ${name} with envVar ${variable.name} referencing`,
      name: variable.valueFrom?.secretKeyRef?.name,
    })),
    ...envFrom.map((source) => ({
      where: `${title} ${name} with envFrom referencing`,
      name: source.secretRef?.name,
    })),
  ];
}

function firstUnknown(account: ServiceAccount, places: readonly Place[]): string | undefined {
  const known = new Set((account.secrets ?? []).map(({ name }) => name));
  const bad = places.find(({ name }) => name !== undefined && !known.has(name));
  if (bad === undefined) return undefined;
  const owner = `because service account ${account.metadata?.name} does not reference that secret`;
  return `${bad.where} secret.secretName="${bad.name}" is not allowed ${owner}`;
}

/** Adds the token's volume, and its mount to each container that mounts nothing at the usual place. */
function mountToken(pod: Pod): void {
  const spec = pod.spec;
  if (spec === undefined) return;
  const existing = (spec.volumes ?? []).find((volume) => (volume.name ?? '').startsWith(VOLUME_PREFIX));
  const name = existing?.name ?? generateName(VOLUME_PREFIX);
  const mount: VolumeMount = { name, readOnly: true, mountPath: MOUNT_PATH };
  let mounted = false;
  const addTo = (container: Container): void => {
    if ((container.volumeMounts ?? []).some((other) => other.mountPath === MOUNT_PATH)) return;
    container.volumeMounts = [...(container.volumeMounts ?? []), { ...mount }];
    mounted = true;
  };
  for (const container of spec.initContainers ?? []) addTo(container);
  for (const container of spec.containers ?? []) addTo(container);
  if (mounted && existing === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}
