import type { Container, Pod } from '../../generated/api/core/v1.ts';
import { uidOf } from '../cache/pod-info.ts';
import type { DeviceScheduling } from './device-scheduling.ts';
import { isExtendedResource } from './extended-resources.ts';

export interface DeviceDoorOptions {
  /** Resolves once all that is known of devices is there. */
  load(): Promise<DeviceScheduling>;
  /** Called with a pod that was held back, once it may be tried. */
  again(pod: Pod): void;
  failed(error: unknown): void;
}

/** Whether a pod may need devices: it has claims, or asks for resources that devices may stand for. */
export function mayNeedDevices({ spec }: Pod): boolean {
  if (spec.resourceClaims?.length) return true;
  const asks = ({ resources }: Container): boolean => {
    for (const name in resources?.requests) if (isExtendedResource(name)) return true;
    return false;
  };
  return spec.containers.some(asks) || (spec.initContainers?.some(asks) ?? false);
}

/** Holds pods with devices back while their claims are missing. Devices are not looked at before the first such pod. */
export class DeviceDoor {
  readonly #options: DeviceDoorOptions;
  readonly #held = new Map<string, Pod>();
  #scheduling: DeviceScheduling | undefined;
  #isLoading = false;

  constructor(options: DeviceDoorOptions) {
    this.#options = options;
  }

  /** Undefined for pods that need no devices. */
  for(pod: Pod): DeviceScheduling | undefined {
    return mayNeedDevices(pod) ? this.#scheduling : undefined;
  }

  /** Whether a pod may be tried now. */
  admits(pod: Pod): boolean {
    if (!mayNeedDevices(pod)) return true;
    const uid = uidOf(pod);
    if (this.#scheduling !== undefined && !this.#scheduling.lacksClaims(pod)) {
      this.#held.delete(uid);
      return true;
    }
    this.#held.set(uid, pod);
    if (this.#scheduling === undefined) this.#load();
    return false;
  }

  /** The pod is gone, or has its node. */
  forget(uid: string): void {
    this.#held.delete(uid);
  }

  /** Lets pods in whose claims have come. */
  changed(): void {
    if (this.#scheduling === undefined) return;
    for (const [uid, pod] of [...this.#held]) {
      if (this.#scheduling.lacksClaims(pod)) continue;
      this.#held.delete(uid);
      this.#options.again(pod);
    }
  }

  close(): void {
    this.#scheduling?.close();
  }

  #load(): void {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#options
      .load()
      .then((scheduling) => {
        this.#scheduling = scheduling;
        this.changed();
      })
      .catch((error: unknown) => {
        this.#isLoading = false;
        this.#options.failed(error);
      });
  }
}
