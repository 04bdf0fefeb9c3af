import { describe, expect, it } from 'vitest';
import { forwardedFields, type Origin } from './forwarded.ts';

const origin: Origin = { clientIp: '192.0.2.1', proto: 'https', host: 'a.test:8443', port: 8443, trusted: false };

const OURS = [
  'X-Forwarded-For',
  '192.0.2.1',
  'X-Forwarded-Proto',
  'https',
  'X-Forwarded-Host',
  'a.test:8443',
  'X-Forwarded-Port',
  '8443',
  'X-Real-IP',
  '192.0.2.1',
  'Forwarded',
  'for=192.0.2.1;host="a.test:8443";proto=https',
];

describe('where a request came from (F2)', () => {
  it('is said by us alone when the visitor is not trusted', () => {
    const claims = [
      'X-Forwarded-For',
      '10.0.0.1',
      'x-forwarded-for',
      '10.0.0.2',
      'X-Forwarded-Proto',
      'http',
      'X-FORWARDED-HOST',
      'evil',
      'X-Forwarded-Port',
      '1',
      'X-Forwarded-Server',
      's',
      'X-Forwarded-Anything',
      'x',
      'X-Real-IP',
      '10.0.0.1',
      'Forwarded',
      'for=10.0.0.1',
    ];
    expect(forwardedFields({ fields: ['Accept', '*/*', ...claims, 'X', 'y'], ...origin })).toEqual([
      'Accept',
      '*/*',
      'X',
      'y',
      ...OURS,
    ]);
  });

  it('is not said by _ spellings either, trusted or not', () => {
    const disguised = [
      'X_Forwarded_For',
      '10.0.0.1',
      'X-Forwarded_For',
      '10.0.0.1',
      'x_real_ip',
      '10.0.0.1',
      'X_Forwarded_Proto',
      'http',
    ];
    expect(forwardedFields({ fields: disguised, ...origin })).toEqual(OURS);
    expect(forwardedFields({ fields: disguised, ...origin, trusted: true }).join()).not.toContain('10.0.0.1');
  });

  it('keeps what a trusted proxy says and appends that proxy', () => {
    const said = [
      'X-Forwarded-For',
      '203.0.113.9',
      'X-Forwarded-For',
      '198.51.100.2',
      'X-Forwarded-Proto',
      'http',
      'X-Forwarded-Host',
      'public.test',
      'X-Real-IP',
      '203.0.113.9',
      'Forwarded',
      'for=203.0.113.9',
    ];
    const fields = forwardedFields({ fields: ['X', 'y', ...said], ...origin, trusted: true });
    const all = Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]]),
    );
    expect(all).toEqual({
      X: 'y',
      'X-Forwarded-For': '203.0.113.9, 198.51.100.2, 192.0.2.1',
      'X-Forwarded-Proto': 'http',
      'X-Forwarded-Host': 'public.test',
      'X-Forwarded-Port': '8443',
      'X-Real-IP': '203.0.113.9',
      Forwarded: 'for=203.0.113.9, for=192.0.2.1;host="a.test:8443";proto=https',
    });
    expect(fields).toHaveLength(14);
  });

  it('fills in for a trusted proxy that says nothing', () => {
    expect(forwardedFields({ fields: [], ...origin, trusted: true })).toEqual(OURS);
  });

  it('writes IPv6 as each field wants it, and IPv4 of a double listener plainly', () => {
    const six = forwardedFields({ fields: [], ...origin, clientIp: '2001:db8::1', host: '' });
    expect(six).toEqual([
      'X-Forwarded-For',
      '2001:db8::1',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Port',
      '8443',
      'X-Real-IP',
      '2001:db8::1',
      'Forwarded',
      'for="[2001:db8::1]";proto=https',
    ]);
    expect(forwardedFields({ fields: [], ...origin, clientIp: '::ffff:192.0.2.1' })).toEqual(OURS);
  });
});
