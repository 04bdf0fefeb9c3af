import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB, scale } from '../e2e/support/long.ts';
import { type PlatformProcess, startPlatformProcess } from '../e2e/support/platform.ts';
import { startPortico } from '../e2e/support/portico-cli.ts';
import { residentBytes } from '../e2e/support/process-memory.ts';
import { httpUpstream } from '../e2e/support/upstream.ts';
import { keepAlive } from './load/own.ts';
import { spread } from './statistics.ts';
import { bodies } from './upstream.ts';

describe('millions of requests', () => {
  let platform: PlatformProcess;
  beforeAll(async () => {
    platform = await startPlatformProcess();
  });
  afterAll(() => platform.dispose());

  it('leave the memory of edge and agent where it was', { timeout: scale(120_000, 3_600_000) }, async () => {
    const upstream = await httpUpstream((_request, response) => response.end(bodies['/1k']));
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--url', 'http://']);
    const target = { port: platform.ready.http.port, host: new URL(tunnel.url).hostname, ca: null };
    // The first ones pay for what stays: compiled code, the exchanges that the inspector keeps.
    const stages = 10;
    const perStage = scale(1_500, 1_000_000);
    const samples: { edge: number; agent: number }[] = [];
    for (let stage = 0; stage < stages; stage += 1) {
      for (let done = 0; done < perStage; ) {
        const { units, faults } = await keepAlive(target, { workers: 32, seconds: scale(0.3, 5), path: '/1k' });
        expect(faults).toEqual([]);
        done += units;
      }
      const sample = { edge: residentBytes(platform.ready.pids.edge), agent: residentBytes(tunnel.child.pid ?? 0) };
      samples.push(sample);
      // The long one takes a while, and its figures are worth having.
      if (process.env.PORTICO_LONG === '1') {
        const mib = (bytes: number): string => `${(bytes / MiB).toFixed(0)} MiB`;
        process.stdout.write(
          `${(stage + 1) * perStage} requests: edge ${mib(sample.edge)}, agent ${mib(sample.agent)}\n`,
        );
      }
    }
    for (const side of ['edge', 'agent'] as const) {
      const median = (from: number, to: number): number =>
        spread(samples.slice(from, to).map((sample) => sample[side]))?.median ?? 0;
      const grownBy = median(7, 10) - median(2, 5);
      expect(grownBy, side).toBeLessThan(scale(64 * MiB, 0.1 * median(2, 5)));
    }
    await tunnel.stop();
    await upstream.close();
  });
});
