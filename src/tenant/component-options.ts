import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PluginSelection } from '../apiserver/admission/plugins/index.ts';
import type { ApiServerFlags } from '../apiserver/flags.ts';
import { type ControllerFlags, controllersOff } from '../controllers/flags.ts';
import type { ControlPlaneOptions } from '../controlplane/control-plane.ts';
import { readAuditSettings } from './audit-settings.ts';
import { ConfigError, type TenantConfig } from './config.ts';
import { readSchedulerConfiguration } from './scheduler-configuration.ts';

/** What the flags of the programs whose work a control plane does say to it. @throws ConfigError */
export async function readComponentOptions({
  apiServerFlags,
  controllerFlags,
  schedulerConfigFile,
}: Pick<TenantConfig, 'apiServerFlags' | 'controllerFlags' | 'schedulerConfigFile'>): Promise<
  Partial<ControlPlaneOptions>
> {
  return {
    ...(apiServerFlags === undefined
      ? {}
      : {
          admissionPlugins: await readPluginSelection(apiServerFlags),
          anonymous: apiServerFlags.anonymous,
          audit: await readAuditSettings(apiServerFlags.audit ?? {}),
          extendsTokens: apiServerFlags.extendsTokens,
        }),
    ...(controllerFlags === undefined
      ? {}
      : { controllerSettings: controllerFlags.config, disabledControllers: await namesOff(controllerFlags) }),
    ...(schedulerConfigFile === undefined
      ? {}
      : { schedulerConfiguration: await readSchedulerConfiguration(schedulerConfigFile) }),
  };
}

async function namesOff({ controllers }: ControllerFlags): Promise<readonly string[]> {
  if (controllers.join() === '*') return [];
  const all = await import('../controllers/index.ts');
  const known = all.controllers.map(({ name }) => name);
  try {
    return controllersOff(controllers, known);
  } catch (cause) {
    const why = `${(cause as Error).message}: there are ${known.join(', ')}`;
    throw new ConfigError(`--kube-controller-manager-arg controllers: ${why}`, { cause });
  }
}

/** What the flags of kube-apiserver switch in admission, with what the file of plugins says. @throws ConfigError */
async function readPluginSelection(flags: ApiServerFlags): Promise<PluginSelection> {
  const { enabledPlugins: enable, disabledPlugins: disable, notReadySeconds, unreachableSeconds } = flags;
  const tolerationSeconds = { notReady: notReadySeconds, unreachable: unreachableSeconds };
  const file = flags.admissionConfigFile;
  if (file === undefined) return { enable, disable, configurations: { tolerationSeconds } };
  const [{ parse }, { parseAdmissionConfiguration }] = await Promise.all([
    import('yaml'),
    import('../apiserver/admission/admission-configuration.ts'),
  ]);
  try {
    const besides = (path: string): unknown => parse(readFileSync(resolve(dirname(file), path), 'utf8'));
    const configurations = parseAdmissionConfiguration(parse(await readFile(file, 'utf8')), besides);
    return { enable, disable, configurations: { ...configurations, tolerationSeconds } };
  } catch (cause) {
    const why = (cause as Error).message;
    throw new ConfigError(`--kube-apiserver-arg admission-control-config-file=${file} cannot be used: ${why}`, {
      cause,
    });
  }
}
