import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, readTenantConfig, type TenantConfig } from './config.ts';

type Row = [args: readonly string[], env: Record<string, string>, expected: Partial<TenantConfig>];

const password = 'a'.repeat(32);
const full = `K10${'0'.repeat(64)}::server:${password}`;

const read: Record<string, Row> = {
  'has the defaults of k3s': [
    ['--advertise-address', '192.0.2.1'],
    {},
    {
      port: 6443,
      bindAddress: '0.0.0.0',
      advertiseAddresses: ['192.0.2.1'],
      clusterCidrs: ['10.42.0.0/16'],
      serviceCidrs: ['10.43.0.0/16'],
      clusterDns: ['10.43.0.10'],
      clusterDomain: 'cluster.local',
      nodePorts: '30000-32767',
      flannelBackend: 'vxlan',
      datastoreEndpoint: '',
      kubeconfigMode: 0o600,
      disabled: [],
      token: undefined,
    },
  ],
  'takes lists by comma and by repetition': [
    ['--disable', 'coredns,traefik', '--disable', 'servicelb', '--tls-san', 'a.example,192.0.2.9'],
    {},
    { disabled: ['coredns', 'traefik', 'servicelb'], tlsSans: ['a.example', '192.0.2.9'] },
  ],
  'advertises the external addresses, behind the one that is named': [
    ['--node-external-ip', '192.0.2.2,192.0.2.3', '--advertise-address', '192.0.2.1'],
    {},
    { advertiseAddresses: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] },
  ],
  'takes the address of cluster DNS from the services': [
    ['--service-cidr', '10.96.0.7/12,fd00:1::/112'],
    {},
    { serviceCidrs: ['10.96.0.0/12', 'fd00:1::/112'], clusterDns: ['10.96.0.10', 'fd00:1::a'] },
  ],
  'reads the environment behind the flags': [
    ['--token', full],
    { K3S_TOKEN: 'other', K3S_DATASTORE_ENDPOINT: 'sqlite:///a', WARREN_DATASTORE_ENDPOINT: 'sqlite:///b' },
    { token: full, datastoreEndpoint: 'sqlite:///b' },
  ],
  'takes what controllers are not to run as names too': [
    ['--disable', 'coredns', '--disable-cloud-controller', '--disable-helm-controller'],
    {},
    { disabled: ['coredns', 'cloud-controller', 'helm-controller'] },
  ],
  'hands its way to the world to the Jobs of charts': [
    ['--helm-job-image', 'helm:1', '--default-local-storage-path', '/volumes'],
    { HTTPS_PROXY: 'http://proxy', no_proxy: '10.0.0.0/8', http_proxy: '' },
    {
      helmJobImage: 'helm:1',
      localStoragePath: '/volumes',
      proxyEnv: { HTTPS_PROXY: 'http://proxy', no_proxy: '10.0.0.0/8' },
    },
  ],
  'takes what agents let the server reach, and where images come from': [
    ['--egress-selector-mode', 'pod', '--system-default-registry', 'registry.example.com:5000/all/'],
    {},
    {
      egressMode: 'pod',
      systemDefaultRegistry: 'registry.example.com:5000/all',
      helmJobImage: 'registry.example.com:5000/all/rancher/klipper-helm:v0.11.1-build20260615',
    },
  ],
  'lets machines do without proxy and policies': [
    ['--disable-kube-proxy', '--disable-network-policy'],
    {},
    { disabled: ['kube-proxy', 'network-policy'], egressMode: 'cluster' },
  ],
  'reads modes as octal': [['--write-kubeconfig-mode', '0644'], {}, { kubeconfigMode: 0o644 }],
};

const refused: Record<string, [args: readonly string[], message: RegExp]> = {
  'an argument that kube-apiserver does not know': [
    ['--kube-apiserver-arg', 'colour=blue'],
    /^--kube-apiserver-arg "colour=blue": kube-apiserver has no flag "colour"$/,
  ],
  'an argument that kube-scheduler does not know': [
    ['--kube-scheduler-arg', 'colour=blue'],
    /^--kube-scheduler-arg "colour=blue": kube-scheduler has no flag "colour"$/,
  ],
  'an unknown flag': [['--nope'], /^Unknown option '--nope': "warren server --help" lists all flags$/],
  'a port out of range': [['--https-listen-port', '70000'], /takes a port from 1 to 65535, not "70000"/],
  'a name where an address is due': [['--node-external-ip', 'here'], /"here" is none: put names into --tls-san/],
  'a range that is none': [['--service-cidr', '10.43.0.0'], /"10.43.0.0" is no address range/],
  'a DNS address that is none': [['--cluster-dns', 'here'], /--cluster-dns takes IP addresses, and "here" is none/],
  'pods and services of different families': [['--service-cidr', 'fd00::/112'], /are of different families/],
  'ports that are no range': [['--service-node-port-range', '9-x'], /takes a range such as 30000-32767/],
  'a mode that is none': [['--write-kubeconfig-mode', '9z'], /octal mode such as 644/],
  'an empty token': [['--token', ''], /^--token: token must not be empty/],
  'a broken token': [['--token', 'K10abc'], /^--token: invalid token format/],
  'a token file that is not there': [
    ['--token-file', '/nowhere/token'],
    /--token-file \/nowhere\/token cannot be read/,
  ],
  'an unknown egress mode': [['--egress-selector-mode', 'all'], /takes agent, cluster, pod, disabled/],
  'a registry with a scheme': [['--system-default-registry', 'https://r'], /takes host\[:port\]\[\/path\]/],
  'an unknown level': [['--log-level', 'loud'], /--log-level takes debug, info, warn, error/],
};

describe('the configuration of a tenant', () => {
  for (const [title, [args, env, expected]] of Object.entries(read)) {
    it(title, () => {
      const config = readTenantConfig(args, env);
      const found = Object.fromEntries(Object.keys(expected).map((key) => [key, config[key as keyof TenantConfig]]));
      assert.deepEqual(found, expected);
    });
  }
  for (const [title, [args, message]] of Object.entries(refused)) {
    it(`refuses ${title}, in one line`, () => {
      assert.throws(
        () => readTenantConfig(args, {}),
        (error) => error instanceof ConfigError && message.test(error.message) && !error.message.includes('\n'),
      );
    });
  }
});
