import type { AnyObject, ObjectKey, ResourceType } from '../../machinery/object/object.ts';
import type { TenantIdentity } from '../../pki/sealed-identity.ts';
import type { Observed } from '../observed.ts';

/** An object as it should be on the host; fields that it does not name are left alone. */
export interface Wanted {
  readonly type: ResourceType;
  readonly object: AnyObject;
}

/** An object that must not be on the host any more. */
export interface Unwanted {
  readonly type: ResourceType;
  readonly key: ObjectKey;
}

/**
 * What a step decides. `want`: these objects, none of those `unwanted`, and then the next step. `wait`: nothing can follow until something
 * outside changes; the condition says what. `condition` names the aspect of status that the step stands for.
 */
export type StepOutcome =
  | { readonly kind: 'want'; readonly objects: readonly Wanted[]; readonly unwanted?: readonly Unwanted[] }
  | {
      readonly kind: 'wait';
      readonly reason: string;
      readonly message: string;
      /** What brings it on. */
      readonly objects?: readonly Wanted[];
      readonly unwanted?: readonly Unwanted[];
    };

/** One part of a tenant, decided from what was observed. Pure, except that it may ask for new key material. */
export interface Step {
  readonly name: string;
  /** Condition that tells of this step. */
  readonly condition: string;
  plan(observed: Observed, keys: KeySource): StepOutcome | Promise<StepOutcome>;
}

/** Where key material comes from; asked only when there is none yet or it runs out. */
export interface KeySource {
  /** PEM files of a new tenant, by file name as k3s calls them. */
  newPki(): Promise<Readonly<Record<string, string>>>;
  /** The same identity with new authorities, which those of before have signed. */
  rotateAuthorities(pki: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
  /** 32 hex digits. */
  newPassword(): string;
  /** A kubeconfig for the administrator of the tenant whose PKI this is. */
  adminKubeconfig(pki: Readonly<Record<string, string>>, server: string, clusterName: string): Promise<string>;
  /** A client certificate of a day with which a backup is taken, in PEM. */
  backupAccess(pki: Readonly<Record<string, string>>): { readonly cert: string; readonly key: string };
  /** A key with which an identity is sealed on its way from a backup. */
  newSealKey(): string;
  /** @throws Error where the key is another one. */
  openIdentity(sealed: string, key: string): TenantIdentity;
  /** When the client certificate in a kubeconfig ends, in milliseconds since the epoch; undefined where it has none. */
  kubeconfigEndsMs(kubeconfig: string): number | undefined;
  /** SHA-256 of the CA as join tokens carry it. */
  caHash(caPem: string): string;
}

export const want = (...objects: Wanted[]): StepOutcome => ({ kind: 'want', objects });
export const without = (...unwanted: Unwanted[]): StepOutcome => ({ kind: 'want', objects: [], unwanted });
export const wait = (reason: string, message: string, ...objects: Wanted[]): StepOutcome => ({
  kind: 'wait',
  reason,
  message,
  objects,
});
