import { BlockList } from 'node:net';
import { addToBlockList } from '@portico/service';
import { describe, expect, it } from 'vitest';
import { type VisitorLimits, visitorLimits } from '../proxy/limits.ts';
import { Sweep } from '../proxy/sweep.ts';
import { Admission, addressKey } from './admission.ts';

function admission(changed: Partial<VisitorLimits>, trusted: string[] = []) {
  const clock = { ms: 0 };
  const list = new BlockList();
  for (const text of trusted) addToBlockList(list, text);
  const sweep = new Sweep({ periodMs: 60_000, now: () => clock.ms });
  const tested = new Admission({ limits: { ...visitorLimits, ...changed }, trusted: list, sweep });
  const admit = (address: string) => tested.admit(address);
  return { tested, clock, sweep, admit };
}

const refusedOf = (outcome: ReturnType<Admission['admit']>) => ('refused' in outcome ? outcome.refused : null);

describe('admission', () => {
  it('limits the connections of one address and frees a place when one is released', () => {
    const { admit, tested } = admission({ connectionsPerAddress: 2 });
    const first = admit('192.0.2.1');
    expect(refusedOf(admit('192.0.2.1'))).toBeNull();
    expect(refusedOf(admit('192.0.2.1'))).toBe('address-connections');
    expect(refusedOf(admit('192.0.2.2'))).toBeNull();
    if ('release' in first) first.release();
    expect(refusedOf(admit('192.0.2.1'))).toBeNull();
    expect(tested.refusals['address-connections']).toBe(1);
    expect(tested.open).toBe(3);
  });

  it('counts an IPv6 network of 64 bits as one address', () => {
    const { admit } = admission({ connectionsPerAddress: 1 });
    expect(refusedOf(admit('2001:db8:1:2::1'))).toBeNull();
    expect(refusedOf(admit('2001:db8:1:2:ffff::9'))).toBe('address-connections');
    expect(refusedOf(admit('2001:db8:1:3::1'))).toBeNull();
    expect(addressKey('2001:db8::1')).toBe(addressKey('2001:db8:0:0:5::'));
    expect(addressKey('::1')).toBe('0:0:0:0::/64');
    expect(addressKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  });

  it('limits new connections a second, after a burst', () => {
    const { admit, clock } = admission({ newConnectionsPerS: 10, newConnectionsBurst: 3 });
    const outcomes = Array.from({ length: 4 }, () => refusedOf(admit('192.0.2.1')));
    expect(outcomes).toEqual([null, null, null, 'address-rate']);
    clock.ms = 100;
    expect(refusedOf(admit('192.0.2.1'))).toBeNull();
    expect(refusedOf(admit('192.0.2.1'))).toBe('address-rate');
  });

  it('limits all together', () => {
    const { admit } = admission({ connections: 2 });
    expect([1, 2, 3].map((i) => refusedOf(admit(`192.0.2.${i}`)))).toEqual([null, null, 'connections']);
  });

  it('leaves loopback and trusted proxies out, unless told otherwise', () => {
    const { admit } = admission({ connectionsPerAddress: 1 }, ['10.0.0.0/8']);
    for (const address of ['127.0.0.1', '127.0.0.1', '::1', '::1', '10.1.2.3', '10.1.2.3'])
      expect(refusedOf(admit(address))).toBeNull();
    const strict = admission({ connectionsPerAddress: 1, limitLoopback: true });
    strict.admit('127.0.0.1');
    expect(refusedOf(strict.admit('127.0.0.1'))).toBe('address-connections');
  });

  it('forgets addresses that are quiet', () => {
    const { admit, clock, sweep, tested } = admission({});
    for (let i = 0; i < 100; i += 1) {
      const outcome = admit(`198.51.100.${i}`);
      if ('release' in outcome && i > 0) outcome.release();
    }
    expect(tested.addresses).toBe(100);
    clock.ms = 10_000;
    sweep.run();
    expect(tested.addresses).toBe(1);
  });
});
