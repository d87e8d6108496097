import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

export type SigningAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

/** A public key that tokens may be signed with. */
export interface TokenKey {
  readonly id: string;
  readonly algorithm: SigningAlgorithm;
  readonly key: KeyObject;
}

const curves: Readonly<Record<string, SigningAlgorithm | undefined>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** @param key - Private or public. @throws Error for kinds of keys that upstream does not sign with. */
export function toTokenKey(key: KeyObject): TokenKey {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  // The id must not give the key away. Source: `pkg/serviceaccount/jwt.go` (keyIDFromPublicKey).
  const id = createHash('sha256').update(der).digest('base64url');
  return { id, algorithm: algorithmOf(publicKey), key: publicKey };
}

function algorithmOf(key: KeyObject): SigningAlgorithm {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const algorithm = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (key.asymmetricKeyType !== 'ec' || algorithm === undefined) {
    throw new Error(`tokens cannot be signed with a key of type ${key.asymmetricKeyType ?? 'unknown'}`);
  }
  return algorithm;
}

/** Digest names by algorithm. */
export const digests: Readonly<Record<SigningAlgorithm, string>> = {
  RS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
};
