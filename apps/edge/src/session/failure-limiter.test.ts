import { describe, expect, it } from 'vitest';
import { FailureLimiter, loopbackAddresses } from './failure-limiter.ts';

function setUp(exempt = true) {
  const clock = { nowMs: 0 };
  const limiter = new FailureLimiter({
    perMinute: 3,
    exempt: exempt ? loopbackAddresses() : null,
    nowMs: () => clock.nowMs,
  });
  const fail = (address: string, times: number) => {
    for (let i = 0; i < times; i += 1) limiter.failed(address);
  };
  return { clock, limiter, fail };
}

describe('the limit of failed tokens', () => {
  it('stops an address after its failures and lets it try again later', () => {
    const { clock, limiter, fail } = setUp();
    fail('192.0.2.1', 2);
    expect(limiter.waitSeconds('192.0.2.1')).toBe(0);
    fail('192.0.2.1', 1);
    expect(limiter.waitSeconds('192.0.2.1')).toBe(20);
    expect(limiter.waitSeconds('192.0.2.2')).toBe(0);
    clock.nowMs += 20_000;
    expect(limiter.waitSeconds('192.0.2.1')).toBe(0);
  });

  it('counts a /64 as one', () => {
    const { limiter, fail } = setUp();
    fail('2001:db8:1:2::1', 1);
    fail('2001:0db8:1:2:ffff::2', 1);
    fail('2001:db8:1:2:3:4:5:6', 1);
    expect(limiter.waitSeconds('2001:db8:1:2::9')).toBeGreaterThan(0);
    expect(limiter.waitSeconds('2001:db8:1:3::9')).toBe(0);
  });

  it('leaves loopback alone unless told otherwise', () => {
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const spared = setUp();
      spared.fail(address, 10);
      expect(spared.limiter.waitSeconds(address)).toBe(0);
      const counted = setUp(false);
      counted.fail(address, 10);
      expect(counted.limiter.waitSeconds(address)).toBeGreaterThan(0);
    }
  });

  it('remembers a bounded number of addresses', () => {
    const { limiter } = setUp();
    for (let i = 0; i < 11_000; i += 1) limiter.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(limiter.size).toBe(10_000);
  });
});
