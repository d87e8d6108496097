import { readFileSync } from 'node:fs';
import type { AuditFlags } from '../apiserver/flags.ts';
import type { AuditSettings } from '../controlplane/control-plane.ts';
import { ConfigError } from './config.ts';

/**
 * What flags of kube-apiserver say of its audit log; undefined where policy or file is missing, since either says nothing
 * without the other. @throws ConfigError with upstream's words on what is wrong with the policy.
 */
export async function readAuditSettings(flags: AuditFlags): Promise<AuditSettings | undefined> {
  const { policyFile, path } = flags;
  if (policyFile === undefined) return undefined;
  const policy = await readPolicy(policyFile);
  if (path === undefined) return undefined;
  const { maxAgeDays = 0, maxBackups = 0, maxMegabytes = 0, format = 'json', compress = false } = flags;
  return { policy, log: { path, maxAgeDays, maxBackups, maxMegabytes, format, compress } };
}

async function readPolicy(file: string): Promise<AuditSettings['policy']> {
  const [{ parse }, { parseAuditPolicy }] = await Promise.all([
    import('yaml'),
    import('../apiserver/audit/audit-policy.ts'),
  ]);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? `open ${file}: no such file or directory` : (cause as Error).message;
    throw refused(`failed to read file path ${JSON.stringify(file)}: ${why}`, cause);
  }
  try {
    return parseAuditPolicy(parse(text));
  } catch (cause) {
    throw refused(`${(cause as Error).message.split('\n')[0]}: from file ${file}`, cause);
  }
}

function refused(why: string, cause: unknown): ConfigError {
  return new ConfigError(`--kube-apiserver-arg audit-policy-file: loading audit policy file: ${why}`, { cause });
}
