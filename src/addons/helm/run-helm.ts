import { orAborted, whenAborted } from '../../std/abort.ts';
import { ensureDefinition } from '../custom-definition.ts';
import type { AddonDeps } from '../deps.ts';
import { helmCharts } from './helm-chart.ts';
import type { JobSettings } from './job-plan.ts';

const RETRY_MS = 5_000;

/** Serves charts until aborted; their controller is loaded with the first chart. */
export async function runHelm(deps: AddonDeps, settings: JobSettings, signal: AbortSignal): Promise<void> {
  const { client, informers, clock, logger } = deps;
  for (let installed = false; !installed; ) {
    try {
      const all = await import('./definitions.ts');
      const fuller = all.ruledHelmChartDefinition;
      await ensureDefinition(client, all.helmChartDefinition, { clock, signal, fuller });
      await ensureDefinition(client, all.helmChartConfigDefinition, { clock, signal });
      installed = true;
    } catch (error) {
      signal.throwIfAborted();
      logger.warn('the definitions of charts are not installed, trying again', { error });
      await clock.sleep(RETRY_MS, signal);
    }
  }
  const charts = informers.for(helmCharts);
  let stop = (): void => {};
  try {
    await orAborted(
      new Promise<void>((resolve) => {
        stop = charts.addHandler({ added: () => resolve() });
      }),
      signal,
    );
  } finally {
    stop();
  }
  const [{ runHelmCharts }, { ruledHelmChartDefinition }] = await Promise.all([
    import('./controller.ts'),
    import('./definitions.ts'),
  ]);
  ensureDefinition(client, ruledHelmChartDefinition, { clock, signal }).catch((error: unknown) => {
    if (!signal.aborted) logger.warn('changes of charts are not judged until the next start', { error });
  });
  await runHelmCharts(deps, settings, signal);
  await whenAborted(signal);
}
