import { describe, expect, it } from 'vitest';
import { createCounters, type Endpoint, type EndpointId, NO_AGENT } from './endpoint.ts';
import { InternalEndpoints } from './internal-endpoints.ts';
import { type CloudMember, UrlSlots } from './url-slots.ts';

function endpoint(id: string, host: string, agents = 1, accountId = 'ac_1'): Endpoint {
  return {
    id: id as EndpointId,
    accountId,
    url: `https://${host}`,
    proto: 'https',
    host,
    port: 443,
    pool: { pick: () => null, size: agents },
    counters: createCounters(),
    forwardsProto: 'http1',
    proxyProtocol: 0,
    forwardsTo: '',
    policy: null,
  };
}

function cloud(id: string, host: string, poolingEnabled = false, accountId = 'ac_1'): CloudMember {
  return { ...endpoint(id, host, 0, accountId), pool: NO_AGENT, poolingEnabled };
}

describe('the slots of URLs', () => {
  it('prefer the exact name to a longer wildcard, whoever serves it', () => {
    const slots = new UrlSlots();
    const exact = cloud('ep_exact', 'a.b.test');
    const near = endpoint('ep_near', '*.b.test');
    slots.addCloud('', exact);
    slots.addBound('', near);
    expect(slots.find('', 'a.b.test')).toBe(exact);
    expect(slots.find('', 'x.b.test')).toBe(near);
    expect(slots.find('other ', 'a.b.test')).toBeNull();
  });

  it('give the URL to a cloud endpoint that shares it with nobody, and back when it is gone', () => {
    const slots = new UrlSlots();
    const bound = endpoint('ep_bound', 'a.test');
    const alone = cloud('ep_cloud', 'a.test');
    slots.addBound('', bound);
    slots.addCloud('', alone);
    expect(slots.find('', 'a.test')).toBe(alone);
    slots.removeCloud('', 'a.test', alone);
    expect(slots.find('', 'a.test')).toBe(bound);
    expect(slots.removeBound('', endpoint('ep_successor', 'a.test'))).toBe(false);
    expect(slots.removeBound('', bound)).toBe(true);
    expect(slots.size).toBe(0);
  });

  it('let all that share a URL take turns, agents as often as there are', () => {
    const draws = [0, 0.3, 0.6, 0.9];
    const slots = new UrlSlots({ random: () => draws.shift() ?? 0 });
    const bound = endpoint('ep_bound', 'a.test', 2);
    const one = cloud('ep_one', 'a.test', true);
    const two = cloud('ep_two', 'a.test', true);
    slots.addBound('', bound);
    slots.addCloud('', one);
    slots.addCloud('', two);
    expect([1, 2, 3, 4].map(() => slots.find('', 'a.test')?.id)).toEqual(['ep_bound', 'ep_bound', 'ep_one', 'ep_two']);
  });
});

describe('internal endpoints', () => {
  it('are found by account, scheme, host and port, wildcards too, and by no other account', () => {
    const internal = new InternalEndpoints();
    const mine = cloud('ep_mine', 'app.internal');
    const wild = endpoint('ep_wild', '*.shops.internal');
    const theirs = cloud('ep_theirs', 'app.internal', false, 'ac_2');
    internal.addCloud(mine);
    internal.addCloud(theirs);
    internal.add(wild);
    expect(internal.find('ac_1', 'https', 'app.internal', 443)).toBe(mine);
    expect(internal.find('ac_2', 'https', 'app.internal', 443)).toBe(theirs);
    expect(internal.find('ac_1', 'https', 'a.b.shops.internal', 443)).toBe(wild);
    expect(internal.find('ac_2', 'https', 'a.shops.internal', 443)).toBeNull();
    expect(internal.find('ac_1', 'http', 'app.internal', 443)).toBeNull();
    expect(internal.find('ac_1', 'https', 'app.internal', 8443)).toBeNull();
    internal.removeCloud(mine, { proto: 'https', host: 'app.internal', port: 443 });
    expect(internal.find('ac_1', 'https', 'app.internal', 443)).toBeNull();
    expect(internal.remove(wild)).toBe(true);
  });
});
