import type { Container, Pod, ServiceAccount, Volume, VolumeMount } from '../../../generated/api/core/v1.ts';
import { serviceaccounts } from '../../../generated/resource-types.ts';
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

/**
 * Gives pods a service account, its token and its pull secrets, and refuses pods whose account does not exist.
 * Source: `plugin/pkg/admission/serviceaccount`.
 */
export function serviceAccount(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  const accountOf = async (attempt: AdmissionAttempt, pod: Pod): Promise<ServiceAccount> => {
    const name = pod.spec?.serviceAccountName ?? '';
    const account = await deps.reader.get(serviceaccounts, { namespace: attempt.namespace, name });
    if (account !== undefined) return account;
    const why = `error looking up service account ${attempt.namespace}/${name}: serviceaccount "${name}" not found`;
    throw refused(attempt, why);
  };
  return {
    name: 'ServiceAccount',
    operations: ['CREATE', 'UPDATE'],
    async mutate(attempt) {
      if (!isPod(attempt) || attempt.operation !== 'CREATE' || attempt.subresource !== '') return;
      const pod = attempt.object as unknown as Pod;
      if (pod.spec === undefined || isMirror(pod)) return;
      if (!pod.spec.serviceAccountName) {
        pod.spec.serviceAccountName = 'default';
        pod.spec.serviceAccount = 'default';
      }
      const account = await accountOf(attempt, pod);
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod);
      const secrets = account.imagePullSecrets ?? [];
      if ((pod.spec.imagePullSecrets ?? []).length === 0 && secrets.length > 0) {
        pod.spec.imagePullSecrets = secrets.map((secret) => ({ ...secret }));
      }
    },
    async validate(attempt) {
      if (!isPod(attempt)) return;
      const pod = attempt.object as unknown as Pod;
      const ephemeral = attempt.operation === 'UPDATE' && attempt.subresource === 'ephemeralcontainers';
      if (!ephemeral && (attempt.operation !== 'CREATE' || attempt.subresource !== '')) return;
      if (isMirror(pod)) {
        if (!ephemeral) validateMirror(attempt, pod);
        return;
      }
      if (!pod.spec?.serviceAccountName) {
        throw refused(attempt, `no service account specified for pod ${attempt.namespace}/${pod.metadata?.name ?? ''}`);
      }
      const account = await accountOf(attempt, pod);
      if (account.metadata?.annotations?.[ENFORCE_ANNOTATION] !== 'true') return;
      limitSecrets(attempt, account, pod);
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

function limitSecrets(attempt: AdmissionAttempt, account: ServiceAccount, pod: Pod): void {
  const known = new Set((account.secrets ?? []).map((secret) => secret.name));
  const owner = `because service account ${account.metadata?.name} does not reference that`;
  for (const { where, name } of secretReferences(pod)) {
    if (where === 'imagePullSecrets' || known.has(name)) continue;
    throw refused(attempt, `${where} secret.secretName="${name}" is not allowed ${owner} secret`);
  }
  const pull = new Set((account.imagePullSecrets ?? []).map((secret) => secret.name));
  for (const [index, secret] of (pod.spec?.imagePullSecrets ?? []).entries()) {
    if (pull.has(secret.name)) continue;
    throw refused(attempt, `imagePullSecrets[${index}].name="${secret.name}" is not allowed ${owner} imagePullSecret`);
  }
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
