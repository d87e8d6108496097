/** Points at which plugins have a say, as upstream calls them. */
export type ExtensionPoint =
  | 'PreFilter'
  | 'Filter'
  | 'PreScore'
  | 'Score'
  | 'PostFilter'
  | 'Reserve'
  | 'PreBind'
  | 'Bind';

export type PointStatus = 'Success' | 'Skip' | 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Error';

/** Takes the times of one try to place a pod. */
export interface CycleMeasure {
  /** Milliseconds with fractions, from whenever. */
  now(): number;
  /** All plugins of a point are through. */
  point(point: ExtensionPoint, status: PointStatus, startedAt: number): void;
  /** A plugin was asked so often. */
  asked(plugin: string, point: ExtensionPoint, times: number): void;
  /** A plugin was asked; absent in the cycles of which this is not taken. */
  readonly plugin?:
    | ((plugin: string, point: ExtensionPoint, status: PointStatus, startedAt: number) => void)
    | undefined;
}
