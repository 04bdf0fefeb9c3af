import { BlockList } from 'node:net';
import { createLogger } from '@portico/service';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { Admission } from '../listener/admission.ts';
import { HttpListener } from '../listener/http-listener.ts';
import { ErrorAnswers } from '../proxy/error-response.ts';
import { HttpProxy } from '../proxy/http-proxy.ts';
import { type VisitorLimits, visitorLimits } from '../proxy/limits.ts';
import { Sweep } from '../proxy/sweep.ts';
import { IdleStreams } from '../proxy/visitor-streams.ts';
import { Router } from '../router/router.ts';
import { openTunnel, type Tunnel, testEndpoint } from './tunnel.util.ts';

export interface EdgeUnderTest {
  readonly httpPort: number;
  readonly tunnel: Tunnel;
  readonly endpoint: Endpoint;
  readonly router: Router;
  readonly sweep: Sweep;
  close(): Promise<void>;
}

/** The visitor side on free ports, with one tunnel that serves `http://demo.test`. */
export async function startEdge({
  upstreamPort,
  limits: changed = {},
}: {
  upstreamPort: () => number;
  limits?: Partial<VisitorLimits>;
}): Promise<EdgeUnderTest> {
  const limits: VisitorLimits = { ...visitorLimits, sweepMs: 20, ...changed };
  const sweep = new Sweep({ periodMs: limits.sweepMs });
  const router = new Router();
  const tunnel = await openTunnel(upstreamPort);
  const endpoint = testEndpoint({ proto: 'http', host: 'demo.test', members: [tunnel.member()] });
  router.add(endpoint);
  const idleStreams = new IdleStreams({ sweep, idleMs: limits.idleStreamMs, freshMs: limits.freshStreamMs });
  const admission = new Admission({ limits, trusted: new BlockList(), sweep });
  const proxy = new HttpProxy({
    routes: router,
    errors: new ErrorAnswers({ log: createLogger({ name: 'edge', level: 'silent' }) }),
    limits,
    sweep,
  });
  const http = new HttpListener({ proxy, admission, idleStreams, publicPort: null });
  const httpPort = await http.listen(0, '127.0.0.1');
  return {
    httpPort,
    tunnel,
    endpoint,
    router,
    sweep,
    close: async () => {
      await http.close();
      await tunnel.close();
      sweep.close();
    },
  };
}
