/** What the users of a host wish at the moment, and how they come to wish something else. */
import type { Client } from '../../src/client/client.ts';
import type { Secret } from '../../src/generated/api/core/v1.ts';
import { persistentvolumeclaims, secrets } from '../../src/generated/resource-types.ts';
import { isNotFound } from '../../src/machinery/errors/status-error.ts';
import { type JoinToken, joinTokens } from '../../src/operator/api/join-token.ts';
import {
  ROTATE_CA,
  ROTATE_TOKEN,
  type VirtualCluster,
  type VirtualClusterSpec,
  virtualClusters,
} from '../../src/operator/api/virtual-cluster.ts';
import {
  BACKUP_NOW,
  type VirtualClusterBackup,
  virtualClusterBackups,
} from '../../src/operator/api/virtual-cluster-backup.ts';
import { type VirtualClusterPolicy, virtualClusterPolicies } from '../../src/operator/api/virtual-cluster-policy.ts';
import type { Chance } from './random.ts';

export const NAMESPACE = 'tenants';
/** Where the archive lies from which some tenants are made. */
export const ARCHIVE = { claim: 'archive', key: 'tenants/old/once/20260101T000000Z.backup' };
const TIERS = ['gold', 'silver'] as const;

export interface TenantWish {
  spec: VirtualClusterSpec;
  readonly tier: (typeof TIERS)[number];
  tokenRotation?: string;
  caRotation?: string;
}

export interface BackupWish {
  readonly tenant: string;
  asked?: string;
}

export interface TokenWish {
  readonly tenant: string;
  revoked: boolean;
}

export interface PolicyWish {
  readonly tier: string;
  nodes: number;
}

export const at = (name: string) => ({ namespace: NAMESPACE, name });

/** The wishes, and acts that change one of them at random. */
export class Wishes {
  readonly tenants = new Map<string, TenantWish>();
  readonly backups = new Map<string, BackupWish>();
  readonly tokens = new Map<string, TokenWish>();
  readonly policies = new Map<string, PolicyWish>();
  /** Tenants whose volume and identity were kept when they went. */
  readonly retained = new Set<string>();
  /** Backups that there ever were: their claims stay. */
  readonly everBackedUp = new Set<string>();
  readonly counts: Record<string, number> = {};
  readonly #client: Client;
  readonly #chance: Chance;
  readonly #options: { readonly tenants: number; readonly tenantHost: string; readonly isOutside: boolean };
  #serial = 0;

  constructor(
    client: Client,
    chance: Chance,
    options: { readonly tenants: number; readonly tenantHost: string; readonly isOutside: boolean },
  ) {
    this.#client = client;
    this.#chance = chance;
    this.#options = options;
  }

  /** What restores need. */
  async prepare(): Promise<void> {
    await this.#client.create(persistentvolumeclaims, {
      metadata: at(ARCHIVE.claim),
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
  }

  /** Does something to one of the names. @returns a tenant that is there, to be disturbed, where chance wants that. */
  async act(): Promise<string | undefined> {
    const chance = this.#chance;
    const name = `t${Math.floor(chance.next() * this.#options.tenants)}`;
    if (chance.is(0.15)) {
      await chance.pick([() => this.#tendBackup(name), () => this.#tendToken(name), () => this.#tendPolicy()])();
      return undefined;
    }
    if (!this.tenants.has(name)) {
      await this.create(name);
      return undefined;
    }
    if (chance.is(0.4)) return name;
    await chance.pick([
      () => this.remove(name),
      () => this.#replace(name),
      () => this.#change(name),
      () => this.#change(name),
      () => this.#change(name),
      () => this.#rotate(name),
      () => this.#changeDatabase(name),
    ])();
    return undefined;
  }

  async create(name: string): Promise<boolean> {
    const chance = this.#chance;
    const withDatabase = chance.is(0.25) && !this.retained.has(name);
    const wish: TenantWish = { tier: chance.pick(TIERS), spec: this.#newSpec(name, withDatabase) };
    if (withDatabase) await this.#writeDatabaseSecret(name);
    if (chance.is(0.1))
      wish.spec.restoreFrom = { storage: { persistentVolumeClaim: { claimName: ARCHIVE.claim } }, key: ARCHIVE.key };
    const metadata = { ...at(name), labels: { tier: wish.tier } };
    // A name may still be on its way out: then another round makes it.
    const isMade = await this.#client.create(virtualClusters, { metadata, spec: wish.spec } as VirtualCluster).then(
      () => true,
      () => false,
    );
    if (!isMade) return false;
    this.tenants.set(name, wish);
    this.#count('created');
    return true;
  }

  async remove(name: string): Promise<void> {
    await this.#client.delete(virtualClusters, at(name));
    if (this.tenants.get(name)?.spec.deletionPolicy === 'Retain') this.retained.add(name);
    else this.retained.delete(name);
    this.tenants.delete(name);
    this.#count('deleted');
  }

  /** Takes everything back. */
  async removeAll(): Promise<void> {
    for (const name of [...this.backups.keys()]) await this.#client.delete(virtualClusterBackups, at(name));
    for (const name of [...this.tokens.keys()]) await this.#client.delete(joinTokens, at(name));
    for (const name of [...this.policies.keys()]) await this.#client.delete(virtualClusterPolicies, { name });
    for (const wishes of [this.backups, this.tokens, this.policies]) wishes.clear();
    for (const name of [...this.tenants.keys()]) await this.remove(name);
  }

  /** The same name again as soon as it is free. */
  async #replace(name: string): Promise<void> {
    await this.remove(name);
    for (let tries = 0; tries < 40; tries++) {
      if (await this.create(name)) return this.#count('replaced');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #change(name: string): Promise<void> {
    const wish = this.tenants.get(name);
    if (wish === undefined) return;
    const { datastore, restoreFrom } = wish.spec;
    const spec = this.#newSpec(name, datastore?.type === 'PostgreSQL');
    if (restoreFrom !== undefined)
      spec.restoreFrom = this.#chance.is(0.2) ? { ...restoreFrom, again: String(++this.#serial) } : restoreFrom;
    await this.#client.patch(virtualClusters, at(name), [{ op: 'replace', path: '/spec', value: spec }], {
      type: 'json',
    });
    wish.spec = spec;
    this.#count(spec.suspend ? 'suspended' : 'changed');
  }

  async #rotate(name: string): Promise<void> {
    const wish = this.tenants.get(name);
    if (wish === undefined) return;
    const value = String(++this.#serial);
    const isToken = this.#chance.is(0.5);
    const annotations = { [isToken ? ROTATE_TOKEN : ROTATE_CA]: value };
    await this.#client.patch(virtualClusters, at(name), { metadata: { annotations } }, { type: 'merge' });
    if (isToken) wish.tokenRotation = value;
    else wish.caRotation = value;
    this.#count('rotated');
  }

  /** Somebody gives the database another password. */
  async #changeDatabase(name: string): Promise<void> {
    if (this.tenants.get(name)?.spec.datastore?.type !== 'PostgreSQL') return this.#change(name);
    await this.#writeDatabaseSecret(name);
    this.#count('passwords');
  }

  async #tendBackup(tenant: string): Promise<void> {
    const name = `b${Math.floor(this.#chance.next() * 8)}`;
    const wish = this.backups.get(name);
    if (wish === undefined) {
      const storage = { persistentVolumeClaim: { size: '1Gi' } };
      const schedule = this.#chance.is(0.5) ? { schedule: '@yearly' } : {};
      const spec = { virtualClusterName: tenant, storage, ...schedule };
      await this.#client.create(virtualClusterBackups, { metadata: at(name), spec } as VirtualClusterBackup);
      this.backups.set(name, { tenant });
      this.everBackedUp.add(name);
    } else if (this.#chance.is(0.4)) {
      await this.#client.delete(virtualClusterBackups, at(name));
      this.backups.delete(name);
    } else {
      wish.asked = String(++this.#serial);
      const annotations = { [BACKUP_NOW]: wish.asked };
      await this.#client.patch(virtualClusterBackups, at(name), { metadata: { annotations } }, { type: 'merge' });
    }
    this.#count('backups');
  }

  async #tendToken(tenant: string): Promise<void> {
    const name = `j${Math.floor(this.#chance.next() * 12)}`;
    const wish = this.tokens.get(name);
    if (wish === undefined) {
      const spec = { virtualClusterName: tenant, ttl: this.#chance.pick(['0s', '24h']), maxUses: 3 };
      // It may be on its way out.
      const made = await this.#client
        .create(joinTokens, { metadata: at(name), spec } as JoinToken)
        .catch(() => undefined);
      if (made !== undefined) this.tokens.set(name, { tenant, revoked: false });
    } else if (this.#chance.is(0.5)) {
      await this.#client.delete(joinTokens, at(name));
      this.tokens.delete(name);
    } else {
      wish.revoked = !wish.revoked;
      await this.#client.patch(joinTokens, at(name), { spec: { revoked: wish.revoked } }, { type: 'merge' });
    }
    this.#count('tokens');
  }

  async #tendPolicy(): Promise<void> {
    const name = `chaos-${Math.floor(this.#chance.next() * 4)}`;
    const wish = this.policies.get(name);
    const nodes = 1 + Math.floor(this.#chance.next() * 50);
    if (wish === undefined) {
      const tier = this.#chance.pick(TIERS);
      const spec = { selector: { matchLabels: { tier } }, limits: { nodes } };
      await this.#client.create(virtualClusterPolicies, { metadata: { name }, spec } as VirtualClusterPolicy);
      this.policies.set(name, { tier, nodes });
    } else if (this.#chance.is(0.4)) {
      await this.#client.delete(virtualClusterPolicies, { name });
      this.policies.delete(name);
    } else {
      wish.nodes = nodes;
      await this.#client.patch(virtualClusterPolicies, { name }, { spec: { limits: { nodes } } }, { type: 'merge' });
    }
    this.#count('policies');
  }

  #newSpec(name: string, withDatabase: boolean): VirtualClusterSpec {
    const chance = this.#chance;
    const { tenantHost, isOutside } = this.#options;
    // From outside of a real host, a cluster IP is not reached.
    const type = chance.is(0.8) ? 'NodePort' : isOutside ? 'LoadBalancer' : 'ClusterIP';
    return {
      tls: { extraSANs: [`${name}-${chance.number()}.example`] },
      suspend: chance.is(0.1),
      deletionPolicy: chance.is(0.15) ? 'Retain' : 'Delete',
      exposure: {
        type,
        hosts: [tenantHost],
        ...(chance.is(0.2) ? { ingress: { host: `${name}.example` } } : {}),
        ...(chance.is(0.1) ? { allowedCIDRs: ['192.0.2.0/24'] } : {}),
      },
      addons: { coredns: { enabled: chance.is(0.5) }, traefik: { enabled: chance.is(0.5) } },
      // In a form that servers write otherwise.
      ...(chance.is(0.3) ? { controlPlane: { resources: { requests: { memory: '1024Mi', cpu: '0.05' } } } } : {}),
      ...(withDatabase
        ? { datastore: { type: 'PostgreSQL', secretRef: { name: `${name}-db` } }, replicas: chance.pick([1, 2]) }
        : {}),
    };
  }

  async #writeDatabaseSecret(name: string): Promise<void> {
    const endpoint = `postgres://warren:${this.#chance.number()}@db.example:5432/${name}`;
    const stringData = { endpoint };
    const key = at(`${name}-db`);
    await this.#client.patch(secrets, key, { stringData }, { type: 'merge' }).catch(async (error) => {
      if (!isNotFound(error)) throw error;
      await this.#client.create(secrets, { metadata: key, stringData } as Secret);
    });
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}
