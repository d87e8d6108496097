/**
 * Figures of the real program: `npm run bench` measures a tenant, `npm run bench -- TOPIC ... [--OPTION=VALUE ...]` other
 * topics. Options are read by topics: `operator --tenants=1,20,100,500 --real=1,20` says how many (see there).
 * Compare figures of one machine and one run; a slow disk or a loaded core moves all of them.
 */
const topics: Readonly<Record<string, () => Promise<unknown>>> = {
  tenant: () => import('./tenant.ts'),
  pods: () => import('./pods.ts'),
  scheduling: () => import('./scheduling.ts'),
  deployments: () => import('./deployments.ts'),
  tunnel: () => import('./tunnel.ts'),
  join: () => import('./join.ts'),
  operator: () => import('./operator.ts'),
};

const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const unknown = wanted.filter((topic) => topics[topic] === undefined);
if (unknown.length > 0) {
  console.error(`no such topic: ${unknown.join(', ')}; there are ${Object.keys(topics).join(', ')}`);
  process.exitCode = 1;
} else {
  for (const topic of wanted.length === 0 ? ['tenant'] : wanted) {
    console.log(`\n${topic}`);
    await topics[topic]?.();
  }
}
