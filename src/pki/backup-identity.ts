import type { Subject } from './certificate.ts';

/**
 * Who may take a backup, which holds every secret of a tenant: only a certificate of this name, and in this group, which
 * the tenant's own API signs for nobody (CertificateSubjectRestriction).
 */
export const backupIdentity: Subject = {
  commonName: 'warren:backup',
  organizations: ['system:masters'],
  usages: ['client'],
};

/** Where a tenant's server gives a backup of itself. */
export const BACKUP_PATH = '/v1-warren/backup';
