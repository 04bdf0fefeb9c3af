import { describe, expect, it } from 'vitest';
import { BoundEndpoint } from '../endpoint/bound-endpoint.ts';
import type { EndpointId, EndpointProto, Member } from '../endpoint/endpoint.ts';
import { Router } from './router.ts';

function endpoint(proto: EndpointProto, host: string, port = 443): BoundEndpoint {
  return new BoundEndpoint({
    id: `ep_${host}${port}` as EndpointId,
    accountId: 'ac_1',
    url: `${proto}://${host}`,
    proto,
    host,
    port,
    proxyProtocol: 0,
    facts: {
      name: '',
      description: '',
      metadata: '',
      poolingEnabled: false,
      forwardsTo: '',
      forwardsProto: 'http1',
    },
    startedAt: new Date(0),
  });
}

function memberWith(openStreams: number): Member {
  return { id: 'm', agentName: 'a', openStreams, streamCap: 480, open: () => expect.fail('not opened') };
}

describe('the router', () => {
  it('prefers the exact name, then the longest wildcard', () => {
    const router = new Router();
    const exact = endpoint('https', 'a.b.test');
    const near = endpoint('https', '*.b.test');
    const far = endpoint('https', '*.test');
    for (const each of [far, exact, near]) router.add(each);
    expect(router.findHttp('https', 'a.b.test')).toBe(exact);
    expect(router.findHttp('https', 'c.b.test')).toBe(near);
    expect(router.findHttp('https', 'd.c.b.test')).toBe(near);
    expect(router.findHttp('https', 'b.test')).toBe(far);
    expect(router.findHttp('https', 'test')).toBeNull();
    router.remove(exact);
    expect(router.findHttp('https', 'a.b.test')).toBe(near);
  });

  it('keeps http, https, tls and tcp apart', () => {
    const router = new Router();
    const https = endpoint('https', 'a.test');
    const tls = endpoint('tls', 'a.test');
    const tcp = endpoint('tcp', '', 20_001);
    for (const each of [https, tls, tcp]) router.add(each);
    expect(router.findHttp('http', 'a.test')).toBeNull();
    expect(router.findHttp('https', 'a.test')).toBe(https);
    expect(router.findTls('a.test')).toBe(tls);
    expect(router.findTcp(20_001)).toBe(tcp);
    expect(router.findTcp(20_002)).toBeNull();
    expect(router.size).toBe(3);
  });

  it('lets those who share a name take turns, and leaves it to whoever stays', () => {
    const router = new Router();
    const first = endpoint('https', 'a.test');
    const second = endpoint('https', 'a.test');
    for (const each of [first, second]) {
      each.serveBy(memberWith(0));
      router.add(each);
    }
    const found = Array.from({ length: 10 }, () => router.findHttp('https', 'a.test'));
    expect(found.filter((each) => each === first)).toHaveLength(5);
    expect(router.remove(first)).toBe(true);
    expect(router.remove(first)).toBe(false);
    expect(router.findHttp('https', 'a.test')).toBe(second);
    expect(router.remove(second)).toBe(true);
    expect(router.size).toBe(0);
  });

  it('gives a name that is shared to the one whose agent has the fewest streams', () => {
    const router = new Router();
    const [busy, idle] = [endpoint('tcp', '', 20_001), endpoint('tcp', '', 20_001)];
    for (const [each, openStreams] of [
      [busy, 3],
      [idle, 2],
    ] as const) {
      each.serveBy(memberWith(openStreams));
      router.add(each);
    }
    expect(Array.from({ length: 4 }, () => router.findTcp(20_001))).toEqual([idle, idle, idle, idle]);
  });
});
