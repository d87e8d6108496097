/**
 * The images of the k3s release that machines install: its archive of images holds these and no others, so that machines
 * without a way out can run what comes with the server.
 *
 * Source: k3s v1.36.2+k3s1, `scripts/airgap/image-list.txt`.
 */
export const images = {
  coredns: 'rancher/mirrored-coredns-coredns:1.14.4',
  helm: 'rancher/klipper-helm:v0.11.1-build20260615',
  localPath: 'rancher/local-path-provisioner:v0.0.36',
  localPathHelper: 'rancher/mirrored-library-busybox:1.37.0',
  metricsServer: 'rancher/mirrored-metrics-server:v0.8.1',
  serviceLb: 'rancher/klipper-lb:v0.4.17',
  traefik: { repository: 'rancher/mirrored-library-traefik', tag: '3.7.4' },
} as const;
