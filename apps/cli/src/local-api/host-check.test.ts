import { describe, expect, it } from 'vitest';
import { allowedHosts, stripPort } from './host-check.ts';

describe('hosts that the local API answers to', () => {
  it.each(['localhost', 'LOCALHOST', 'app.localhost', '127.0.0.1', '127.8.9.1', '::1'])(
    'has %s without being told',
    (name) => {
      expect(allowedHosts([], '127.0.0.1').allows(name)).toBe(true);
    },
  );

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '10.0.0.1', '', 'notlocalhost', '0.0.0.0'])(
    'has not %s',
    (name) => {
      expect(allowedHosts([], '0.0.0.0').allows(name)).toBe(false);
    },
  );

  it('has what is listed: addresses, ranges, names, suffixes; ports do not matter', () => {
    const hosts = allowedHosts(
      ['10.1.2.3', '192.168.0.0/16', 'fd00::/8', 'box.example:4040', '.corp.example'],
      '0.0.0.0',
    );
    for (const name of ['10.1.2.3', '192.168.7.7', 'fd00::5', 'box.example', 'corp.example', 'a.b.corp.example'])
      expect({ name, allowed: hosts.allows(name) }).toEqual({ name, allowed: true });
    for (const name of ['10.1.2.4', 'fe80::1', 'x.box.example', 'evilcorp.example'])
      expect({ name, allowed: hosts.allows(name) }).toEqual({ name, allowed: false });
  });

  it('has the address that is listened on', () => {
    expect(allowedHosts([], '10.9.9.9').allows('10.9.9.9')).toBe(true);
  });

  it.each([
    ['localhost:4040', 'localhost'],
    ['[::1]:4040', '::1'],
    ['127.0.0.1', '127.0.0.1'],
    ['user@host', ''],
    ['a b', ''],
    ['', ''],
  ])('reads %s as %s', (text, name) => {
    expect(stripPort(text)).toBe(name);
  });
});
