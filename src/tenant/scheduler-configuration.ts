import { readFile } from 'node:fs/promises';
import type { SchedulerConfiguration } from '../scheduler/configuration.ts';
import { ConfigError } from './config.ts';

/** Reads the file that `--kube-scheduler-arg config=` names. @throws ConfigError */
export async function readSchedulerConfiguration(file: string): Promise<SchedulerConfiguration> {
  const [{ parse }, { parseSchedulerConfiguration }] = await Promise.all([
    import('yaml'),
    import('../scheduler/configuration.ts'),
  ]);
  try {
    return parseSchedulerConfiguration(parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new ConfigError(`--kube-scheduler-arg config=${file} cannot be used: ${(cause as Error).message}`, { cause });
  }
}
