import { once } from 'node:events';
import { dirname } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { createLogger } from '@portico/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { type RunningEdge, startEdge } from '../edge.ts';
import { RawAgent, serveHttp } from '../testing/raw-agent.util.ts';
import { eventually, visit } from '../testing/visit.util.ts';
import { MemoryRelief } from './memory-relief.ts';

class Connection {
  bytesRead = 0;
  bytesWritten = 0;
  isEnded = false;
  resetAndDestroy(): void {
    this.isEnded = true;
  }
}

describe('when memory is nearly gone', () => {
  it('connections that stand still end first, then the busiest, one a look', () => {
    const relief = new MemoryRelief();
    const [idle, stalled, slow, fast] = [new Connection(), new Connection(), new Connection(), new Connection()];
    stalled.bytesWritten = 1_000_000;
    const open = (): Connection[] => [idle, stalled, slow, fast].filter(({ isEnded }) => !isEnded);
    relief.relieve(open());
    expect(open()).toHaveLength(4);
    slow.bytesRead += 10;
    fast.bytesWritten += 1_000;
    relief.relieve(open());
    expect(open()).toEqual([slow, fast]);
    slow.bytesRead += 10;
    fast.bytesWritten += 1_000;
    relief.relieve(open());
    expect(open()).toEqual([slow]);
    expect(relief.dropped).toBe(3);
  });
});

describe('an edge whose memory is nearly gone', () => {
  let env: DevEnv;
  let edge: RunningEdge;
  let used = 10;
  beforeEach(async () => {
    env = await startDevEnv();
    const folder = dirname(env.caFile);
    const config = readConfig({
      PORTICO_DATA_DIR: folder,
      PORTICO_NODE_ID: 'small/0',
      PORTICO_INTERNAL_URL: env.api.internalUrl,
      PORTICO_HTTP_PORT: '0',
      PORTICO_HTTPS_PORT: '0',
      PORTICO_CONNECT_PORT: '0',
      PORTICO_TCP_PORTS: '0',
    });
    used = 10;
    edge = await startEdge(
      { ...config, limits: { ...config.limits, loopDelayShedMs: 60_000 } },
      { log: createLogger({ name: 'edge', level: 'silent' }), memory: { limitBytes: 100, usedBytes: () => used } },
    );
    await edge.whenConnected();
  });
  afterEach(async () => {
    await edge.close();
    await env.close();
  });

  it('lets visitors go who ask nothing, keeps agents, and takes visitors again when there is room', async () => {
    const place = { https: { port: edge.httpsPort }, ca: env.ca };
    const host = `small.${env.baseDomain}`;
    // By its name on the public port, where visitors are.
    const agent = await RawAgent.dial({
      port: edge.httpsPort,
      ca: env.ca,
      servername: `connect.${env.baseDomain}`,
      onStream: serveHttp('up'),
    });
    await agent.auth(env.authtoken);
    expect((await agent.bind('https', { Domain: host })).Error).toBe('');
    const idle: TLSSocket = connect({ port: edge.httpsPort, host: '127.0.0.1', servername: host, ca: env.ca });
    await once(idle, 'secureConnect');
    // A reset, which is an error too.
    idle.on('error', () => {});
    const gone = new Promise((resolve) => idle.once('close', resolve));
    used = 95;
    await gone;
    await expect(visit(place, host)).rejects.toThrow();
    expect(agent.mux.isClosed).toBe(false);
    used = 10;
    const answer = await eventually(
      () => visit(place, host).catch(() => null),
      (visited) => visited !== null,
    );
    expect(answer).toEqual({ status: 200, text: 'up GET / HTTP/1.1' });
    agent.close();
  });
});
