import { describe, expect, it } from 'vitest';
import {
  certificateStep,
  type DnsStatus,
  type Domain,
  dnsStep,
  domainState,
  isOn,
  wantedRecords,
  zoneLine,
} from './domain.ts';

const dns: DnsStatus = {
  provenAt: null,
  unprovenSince: null,
  checkedAt: '2026-01-01T00:00:00Z',
  txtName: '_portico-challenge.shop.example.com',
  txtValue: 'portico-verification=1',
  proof: null,
  routing: 'none',
  acme: false,
  aliases: [],
  addresses: [],
};
const proven = { ...dns, provenAt: '2026-01-01T00:00:00Z', proof: 'cname', routing: 'cname' } as const;
const own: Domain = {
  id: 'rd_1',
  createdAt: '2026-01-01T00:00:00Z',
  description: '',
  metadata: '',
  domain: 'shop.example.com',
  cnameTarget: 'd-1.portico.example',
  acmeTarget: '1.acme.portico.example',
  certificateId: null,
  management: { authority: 'letsencrypt', keyType: 'ecdsa' },
  renewsAt: null,
  job: null,
  dns,
};

describe('how far a domain is', () => {
  it('waits for DNS, then for its certificate, then for an endpoint', () => {
    expect(domainState(own, false).says).toBe('Waiting for DNS');
    expect(domainState({ ...own, dns: proven }, false)).toEqual({ tone: 'waiting', says: 'Being issued' });
    expect(domainState({ ...own, dns: proven, certificateId: 'cert_1' }, false).says).toBe('offline');
    expect(domainState({ ...own, dns: proven, certificateId: 'cert_1' }, true).says).toBe('online');
  });

  it('says when the proof has gone, although the name still works', () => {
    expect(domainState({ ...own, dns: { ...proven, unprovenSince: '2026-01-02T00:00:00Z' } }, true).tone).toBe('fails');
  });

  it('needs no proof under the base domain', () => {
    expect(dnsStep({ ...own, dns: null }).tone).toBe('works');
    expect(wantedRecords({ ...own, dns: null, cnameTarget: null })).toEqual([]);
  });

  it.each([
    [{ certificateId: null }, 'fails'],
    [{ certificateId: 'cert_1' }, 'waiting'],
  ] as const)('a failed order with %o is %s', (has, tone) => {
    const job = { errorCode: 'RATE_LIMITED', message: 'later', startedAt: '', retriesAt: null };
    expect(certificateStep({ ...own, dns: proven, job, ...has }).tone).toBe(tone);
  });

  it('is proven by a text and led elsewhere behind a CDN: a warning, no failure', () => {
    const behind = { ...dns, provenAt: '2026-01-01T00:00:00Z', proof: 'txt', routing: 'elsewhere' } as const;
    expect(dnsStep({ ...own, dns: behind }).tone).toBe('waiting');
  });
});

describe('the records to set', () => {
  it('name what is in the way', () => {
    const [cname] = wantedRecords({
      ...own,
      dns: { ...dns, routing: 'elsewhere', addresses: ['203.0.113.80', '2001:db8::1'] },
    });
    expect(cname?.seen).toEqual(['A 203.0.113.80', 'AAAA 2001:db8::1']);
    expect(cname?.advice).toContain('in the way');
  });

  it('of a wildcard whose certificates are obtained hold the challenge too', () => {
    const types = wantedRecords({ ...own, domain: '*.apps.example.com' }).map(({ name }) => name);
    expect(types).toEqual(['*.apps.example.com', dns.txtName, '_acme-challenge.apps.example.com']);
    expect(wantedRecords(own)).toHaveLength(2);
  });

  it('can be pasted into a zone file', () => {
    expect(wantedRecords(own).map(zoneLine)).toEqual([
      'shop.example.com. 300 IN CNAME d-1.portico.example.',
      '_portico-challenge.shop.example.com. 300 IN TXT "portico-verification=1"',
    ]);
  });
});

it.each([
  ['shop.example.com', 'https://shop.example.com:8443', true],
  ['shop.example.com', 'https://a.shop.example.com', false],
  ['*.example.com', 'https://a.b.example.com', true],
  ['*.example.com', 'https://example.com', false],
  ['*.example.com', 'https://*.example.com', true],
  ['shop.example.com', 'tcp://shop.example.com:4000', true],
])('%s has %s on it: %s', (domain, url, is) => {
  expect(isOn(domain, url)).toBe(is);
});
