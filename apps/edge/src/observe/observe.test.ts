import { describe, expect, it } from 'vitest';
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
