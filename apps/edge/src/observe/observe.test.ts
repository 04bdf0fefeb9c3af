import { describe, expect, it } from 'vitest';
import { AdminListener } from './admin-listener.ts';
import { DescriptorWatch } from './descriptor-watch.ts';
import { Metrics } from './metrics.ts';
import { Watchdog } from './watchdog.ts';

describe('metrics', () => {
  it('renders counters with their labels, and gauges as they are when asked', () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'How many a.', { reason: 'x"y' }).value += 2;
    metrics.counter('a_total', 'How many a.', { reason: 'x"y' }).value += 1;
    let open = 4;
    metrics.gauge('open', 'Open now.', () => open);
    open = 5;
    expect(metrics.render()).toBe(
      '# HELP a_total How many a.\n# TYPE a_total counter\na_total{reason="x\\"y"} 3\n' +
        '# HELP open Open now.\n# TYPE open gauge\nopen 5\n',
    );
    expect(metrics.value('a_total', { reason: 'x"y' })).toBe(3);
    expect(metrics.value('nothing')).toBe(0);
  });
});

describe('the watchdog', () => {
  it('sheds while the loop is held up and stops when it runs again', async () => {
    const changes: boolean[] = [];
    let changed: () => void = () => {};
    const nextChange = () => new Promise<void>((resolve) => (changed = resolve));
    const watchdog = new Watchdog({
      shedAboveMs: 200,
      onChange: (shedding) => {
        changes.push(shedding);
        changed();
      },
    });
    const keepAlive = setInterval(() => {}, 1000);
    const started = nextChange();
    let busy = true;
    const holdUp = () => {
      const until = performance.now() + 300;
      while (performance.now() < until);
      if (busy) setTimeout(holdUp, 0);
    };
    holdUp();
    await started;
    busy = false;
    expect(watchdog.shedding).toBe(true);
    await nextChange();
    expect(watchdog.shedding).toBe(false);
    expect(changes).toEqual([true, false]);
    watchdog.close();
    clearInterval(keepAlive);
  });
});

describe('the descriptor watch', () => {
  it('counts the descriptors of this process', async () => {
    const watch = new DescriptorWatch();
    await watch.start();
    expect(watch.used).toBeGreaterThan(3);
    expect(watch.exhausted).toBe(false);
    watch.close();
  });

  it.each([
    [256, 191, false],
    [256, 192, true],
    [100_000, 89_999, false],
    [100_000, 90_000, true],
  ])('with a limit of %i and %i open says exhausted: %s', async (limit, open, exhausted) => {
    const watch = new DescriptorWatch({ limit, count: async () => open });
    await watch.start();
    expect(watch.exhausted).toBe(exhausted);
    watch.close();
  });

  it('counts connections that came since its last look', async () => {
    let connections = 10;
    const watch = new DescriptorWatch({ limit: 256, connections: () => connections, count: async () => 50 });
    await watch.start();
    connections = 151;
    expect(watch.exhausted).toBe(false);
    connections = 152;
    expect(watch.exhausted).toBe(true);
    connections = 5;
    expect(watch.used).toBe(50);
    watch.close();
  });

  it('takes a failure to count for the worst', async () => {
    const watch = new DescriptorWatch({ limit: 256, count: () => Promise.reject(new Error('EMFILE')) });
    await watch.start();
    expect(watch.exhausted).toBe(true);
    watch.close();
  });
});

describe('the admin listener', () => {
  it('shows metrics, health and readiness on loopback', async () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'How many a.').value += 1;
    let ready = false;
    const admin = new AdminListener({ metrics, isReady: () => ready });
    const port = await admin.listen(0);
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, text: await response.text() };
    };
    expect(await get('/metrics')).toEqual({ status: 200, text: metrics.render() });
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(503);
    ready = true;
    expect((await get('/readyz')).status).toBe(200);
    expect((await get('/other')).status).toBe(404);
    await admin.close();
  });
});
