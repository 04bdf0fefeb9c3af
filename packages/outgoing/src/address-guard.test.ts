import { describe, expect, it } from 'vitest';
import { AddressGuard } from './address-guard.ts';

const guard = new AddressGuard({ ownAddresses: () => ['93.184.215.14', '2606:4700::5'] });

describe('which addresses may be dialled', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    'fe80::1',
    'fe80::1%lo',
    '2606:4700::1%lo',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::1',
    '2002:7f00:1::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:db8::1',
    '3fff::1',
    '4000::1',
    // This machine's own, in every form.
    '93.184.215.14',
    '::ffff:93.184.215.14',
    '2606:4700:0::5',
    // Not addresses.
    'localhost',
    '127.1',
    '',
  ])('refuses %s', (address) => {
    expect(guard.check(address)).toBe('refused');
  });

  it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '::ffff:1.1.1.1', '64:ff9b::101:101'])(
    'lets %s through',
    (address) => {
      expect(guard.check(address)).toBe('public');
    },
  );

  it('lets through what the operator allows, in any form of the same address', () => {
    const open = new AddressGuard({ allow: ['10.1.0.0/16', 'fd00:1::/32', '127.0.0.1'] });
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00:1::5', '127.0.0.1']) {
      expect(open.check(address), address).toBe('allowed');
    }
    for (const address of ['10.2.0.1', 'fd00:2::1', '127.0.0.2', '::1']) {
      expect(open.check(address), address).toBe('refused');
    }
  });

  it('refuses to start with something that is no range', () => {
    expect(() => new AddressGuard({ allow: ['10.0.0.0/33'] })).toThrow(TypeError);
  });

  it("counts every address of this machine's interfaces as its own", () => {
    expect(new AddressGuard().check('127.0.0.1')).toBe('refused');
  });
});
