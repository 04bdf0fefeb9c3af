import { startDevEnv } from '@portico/dev-env';
import { it } from 'vitest';
import { RawAgent, serveHttp } from './raw-agent.util.ts';
import { visit } from './visit.util.ts';

it('times', async () => {
  let t = performance.now();
  const lap = (what: string) => {
    console.log(what, Math.round(performance.now() - t));
    t = performance.now();
  };
  const env = await startDevEnv({
    logLevel: 'debug',
    edgeLimits: { leaseTtlS: 1, reconcileMs: 500, usageReportMs: 50 },
  });
  lap('start');
  const first = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca, onStream: serveHttp('first') });
  await first.auth(env.authtoken);
  const bound = await first.bind('https', { Domain: `known.${env.baseDomain}` });
  lap('bound');
  await env.stopApi();
  lap('api stopped');
  await visit(env, `known.${env.baseDomain}`);
  lap('visit');
  first.close();
  const second = (await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca, onStream: serveHttp('first') })).resume(
    first,
  );
  await second.auth(env.authtoken);
  lap('auth');
  await second.rebind(bound);
  lap('rebind');
  await env.edge.close();
  lap('edge closed');
  await env.close();
  lap('closed');
});
