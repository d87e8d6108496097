import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import type { Node } from '../generated/api/core/v1.ts';
import {
  deployments,
  networkpolicies,
  nodes,
  persistentvolumeclaims,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { type KubeObject, type ObjectKey, type ResourceType, toKeyText } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { virtualClusters } from './api/virtual-cluster.ts';
import type { HostCache } from './host.ts';
import type { OperatorSettings } from './observed.ts';
import { type EventSink, type TenantProbe, VirtualClusterReconciler } from './reconciler.ts';
import type { KeySource } from './steps/step.ts';
