import type { LiveEndpoint, Overview } from '@portico/api-contract/dashboard';
import { describe, expect, it } from 'vitest';
import { concernsOf } from './needs-look.ts';

const at = '2026-11-20T19:06:27.123Z';
const none = { requests: 0, connections: 0, bytesIn: 0, bytesOut: 0, errors: 0 };
const endpoint: LiveEndpoint = {
  id: 'ep_1',
  url: 'https://shop.example',
  proto: 'https',
  kind: 'agent',
  name: '',
  metadata: '',
  forwardsTo: 'localhost:3000',
  sessionId: 'ts_1',
  startedAt: at,
  ...none,
  upstream: { kind: 'answers', at },
};
const overview: Overview = {
  at,
  account: { id: 'ac_1', name: 'Harbour', plan: 'self-hosted' },
  endpoints: [endpoint],
  endpointCount: 1,
  sessions: [],
  sessionCount: 0,
  hadTunnel: true,
  recent: [],
  today: none,
  edges: [{ nodeId: 'ams-1', online: true }],
  connect: null,
};
const domain = { id: 'rd_1', domain: 'shop.linden.example', certificateProblem: null, isProven: true };
const certificate = { id: 'cert_1', subject: 'linden', notAfter: '2027-03-01T00:00:00Z' };

const fine = {
  key: 'requests',
  name: 'Requests',
  used: 1,
  limit: 100,
  isMonthly: true,
  whenOver: 'Visitors get ERR_NGROK_727',
} as const;

describe('what needs a look', () => {
  it('is nothing while all is well', () => {
    expect(concernsOf(overview, { domains: [domain], certificates: [certificate], measured: [fine] })).toEqual([]);
  });

  it('is what fails, then what waits, each with the page that says more', () => {
    const bad: Overview = {
      ...overview,
      endpoints: [{ ...endpoint, upstream: { kind: 'fails', since: '2026-11-20T19:02:00.000Z', code: 8012 } }],
      edges: [{ nodeId: 'ams-1', online: false }],
    };
    const concerns = concernsOf(bad, {
      domains: [
        { ...domain, isProven: false },
        { ...domain, id: 'rd_2', certificateProblem: 'CAA forbids it' },
      ],
      certificates: [
        { ...certificate, notAfter: '2026-11-25T00:00:00Z' },
        { ...certificate, id: 'cert_2', notAfter: '2026-11-01T00:00:00Z' },
      ],
      measured: [{ ...fine, used: 100 }],
    });
    expect(concerns.map(({ tone, text, page }) => [tone, text, page])).toEqual([
      ['fails', 'localhost:3000 refuses connections since 19:02:00 UTC. Is the app running?', 'endpoints'],
      ['fails', 'This edge does not answer.', 'endpoints'],
      ['fails', 'The limit of the plan is reached. Visitors get ERR_NGROK_727.', 'usage'],
      ['fails', 'Its certificate has expired.', 'certificates/cert_2'],
      ['waiting', 'Its DNS does not show yet that it is yours.', 'domains/rd_1'],
      ['waiting', 'No certificate yet: CAA forbids it', 'domains/rd_2'],
      ['waiting', 'Its certificate expires in 4 d.', 'certificates/cert_1'],
    ]);
  });
});
