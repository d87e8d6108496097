import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import {
  conditions,
  count,
  duration,
  fields,
  flag,
  immutable,
  observedGeneration,
  reference,
  text,
  time,
  toCrd,
} from './schema-fields.ts';
import { virtualClusterBackups } from './virtual-cluster-backup.ts';

const s3 = fields(
  'An S3-compatible service.',
  {
    endpoint: text('URL of the service.', { pattern: '^https?://[^/?#\\s]+(/[^?#\\s]*)?$', maxLength: 512 }),
    bucket: text('Bucket, which must be there.', { pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
    prefix: text('What keys begin with.', { maxLength: 512, pattern: '^[^/].*$' }),
    region: text('Region that requests are signed for.', { default: 'us-east-1', minLength: 1, maxLength: 64 }),
    pathStyle: flag('Dial https://host/bucket rather than https://bucket.host.', { default: true }),
    credentialsSecretRef: reference(
      'Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and where needed AWS_SESSION_TOKEN and ca.crt.',
    ),
  },
  { required: ['endpoint', 'bucket', 'credentialsSecretRef'] },
);

/** Where backups lie. */
export function storageSchema(description: string): JSONSchemaProps {
  return fields(
    description,
    {
      persistentVolumeClaim: fields(
        'A volume.',
        {
          claimName: text('A claim that is there.', { minLength: 1, maxLength: 253 }),
          size: {
            'x-kubernetes-int-or-string': true,
            description: 'Makes a claim NAME-backups of this size, which outlives the backup’s object.',
          },
          storageClassName: text('Storage class of the claim that is made.', { maxLength: 253 }),
        },
        {
          'x-kubernetes-validations': [
            { rule: 'has(self.claimName) != has(self.size)', message: 'give either claimName or size' },
            {
              rule: '!has(self.storageClassName) || has(self.size)',
              message: 'storageClassName is only read with size',
            },
          ],
        },
      ),
      s3,
    },
    {
      'x-kubernetes-validations': [
        { rule: 'has(self.persistentVolumeClaim) != has(self.s3)', message: 'give either persistentVolumeClaim or s3' },
      ],
    },
  );
}

const spec = fields(
  'The backups as they should be made.',
  {
    virtualClusterName: text('The VirtualCluster, in the same namespace.', {
      minLength: 1,
      maxLength: 44,
      'x-kubernetes-validations': immutable('virtualClusterName'),
    }),
    schedule: text('When, in cron’s notation with five fields, or @daily and the like. Left empty: once, at once.', {
      minLength: 1,
      maxLength: 128,
    }),
    timeZone: text('Time zone of the schedule, such as Europe/Berlin. Default UTC.', { minLength: 1, maxLength: 64 }),
    suspend: flag('Makes no more backups until it is false again.', { default: false }),
    retention: fields('Which are kept; each limit that is given must hold, and the newest always is kept.', {
      keepLast: count('The newest so many.', { minimum: 1, maximum: 1000 }),
      maxAge: duration('Those younger than this, such as 30d or 12h.'),
    }),
    storage: storageSchema('Where they are kept.'),
  },
  {
    required: ['virtualClusterName', 'storage'],
    'x-kubernetes-validations': [
      { rule: '!has(self.timeZone) || has(self.schedule)', message: 'timeZone is only read with schedule' },
      {
        rule: 'has(self.schedule) == has(oldSelf.schedule)',
        message: 'a backup that is made once cannot get a schedule, or lose it: make a new VirtualClusterBackup',
      },
    ],
  },
);

const kept = {
  key: text('Its place in the storage; spec.restoreFrom.key takes it.'),
  time: time('When it was asked for.'),
  bytes: { type: 'integer', format: 'int64', description: 'Its size.' },
};

const status = fields('The backups as they are.', {
  observedGeneration,
  phase: text('Short word for the whole.', {
    enum: ['Pending', 'Scheduled', 'Running', 'Completed', 'Failed', 'Suspended'],
  }),
  conditions,
  lastBackup: fields('The newest backup that was made.', {
    ...kept,
    checksum: text('SHA-256 of the file in hex.'),
    durationSeconds: count('How long it took.'),
  }),
  lastFailure: fields('The last attempt that failed.', {
    time: time('When it ended.'),
    message: text('Why.'),
  }),
  lastScheduleTime: time('The time for which a Job was made last.'),
  nextScheduleTime: time('When the next one is due.'),
  triggered: text('The value of the annotation warren.dev/backup-now that was acted on last.'),
  job: text('The Job that runs, or whose result was taken last.'),
  backups: {
    type: 'array',
    description: 'What the storage holds, newest first; the first hundred.',
    items: fields('A backup.', kept),
    'x-kubernetes-list-type': 'atomic',
  },
  count: count('How many backups the storage holds.'),
});

/** The CRD of VirtualClusterBackup. */
export function virtualClusterBackupCrd(): CustomResourceDefinition {
  return toCrd({
    type: virtualClusterBackups,
    shortNames: ['vcb'],
    description: 'Backups of a VirtualCluster: its state, its authorities and its token, once or by a schedule.',
    columns: [
      { name: 'Cluster', type: 'string', jsonPath: '.spec.virtualClusterName', description: 'The VirtualCluster' },
      { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule', description: 'When backups are made' },
      { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'Short word for the state' },
      { name: 'Kept', type: 'integer', jsonPath: '.status.count', description: 'Backups that the storage holds' },
      { name: 'Last', type: 'date', jsonPath: '.status.lastBackup.time', description: 'When the newest was asked for' },
      {
        name: 'Size',
        type: 'integer',
        jsonPath: '.status.lastBackup.bytes',
        description: 'Bytes of the newest',
        priority: 1,
      },
    ],
    rules: [
      {
        rule: 'self.metadata.name.size() <= 44',
        message: 'the name is part of the names of other objects and may have at most 44 characters',
      },
    ],
    spec,
    status,
  });
}
