import type { AuthenticatedCall, Authorizer, Handler } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { nodeProxyHandler, podProxyHandler, serviceProxyHandler } from './http-proxies.ts';
import { KubeletConnector, type KubeletOptions } from './kubelet.ts';
import type { NodeDialer } from './node-dialer.ts';
import { podLogHandler } from './pod-log.ts';
import { portForwardHandler, remoteCommandHandler } from './pod-streams.ts';

export interface ConnectorOptions {
  readonly reader: ObjectReader;
  readonly dialer: NodeDialer;
  readonly authorizer: Authorizer;
  readonly kubeletTls: KubeletOptions['tls'];
}

/** Handlers of the subresources that lead to nodes and pods, by `resource/subresource`. */
export function createConnectors(options: ConnectorOptions): Readonly<Record<string, Handler<AuthenticatedCall>>> {
  const { reader, dialer, authorizer, kubeletTls } = options;
  const kubelets = new KubeletConnector({ reader, dialer, tls: kubeletTls });
  const deps = { reader, kubelets, authorizer };
  return {
    'pods/log': podLogHandler(deps),
    'pods/exec': remoteCommandHandler('exec', deps),
    'pods/attach': remoteCommandHandler('attach', deps),
    'pods/portforward': portForwardHandler(deps),
    'pods/proxy': podProxyHandler(deps),
    'services/proxy': serviceProxyHandler(deps),
    'nodes/proxy': nodeProxyHandler(deps),
  };
}
