import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PluginSelection } from '../apiserver/admission/plugins/index.ts';
import type { ApiServerFlags } from '../apiserver/flags.ts';
import type { ControlPlaneOptions } from '../controlplane/control-plane.ts';
import { ConfigError } from './config.ts';

/** What the flags of kube-apiserver say to a control plane. @throws ConfigError */
export async function readApiServerOptions(
  flags: ApiServerFlags | undefined,
): Promise<Pick<ControlPlaneOptions, 'admissionPlugins' | 'anonymous' | 'extendsTokens'>> {
  if (flags === undefined) return {};
  const { anonymous, extendsTokens } = flags;
  return { admissionPlugins: await readPluginSelection(flags), anonymous, extendsTokens };
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
