import { describe, expect, it } from 'vitest';
import { parseAuthority } from './authority.ts';

describe('an authority', () => {
  it('is normalised', () => {
    expect(parseAuthority('A.Test')).toEqual({ hostname: 'a.test', port: null });
    expect(parseAuthority('a.test.')).toEqual({ hostname: 'a.test', port: null });
    expect(parseAuthority('a.test.:8443')).toEqual({ hostname: 'a.test', port: 8443 });
    expect(parseAuthority('localhost:1')).toEqual({ hostname: 'localhost', port: 1 });
    expect(parseAuthority('my_app-1.test:65535')).toEqual({ hostname: 'my_app-1.test', port: 65_535 });
    expect(parseAuthority('127.0.0.1:80')).toEqual({ hostname: '127.0.0.1', port: 80 });
    expect(parseAuthority('[::1]')).toEqual({ hostname: '::1', port: null });
    expect(parseAuthority('[2001:DB8::1]:443')).toEqual({ hostname: '2001:db8::1', port: 443 });
    expect(parseAuthority('[::ffff:1.2.3.4]')).toEqual({ hostname: '::ffff:1.2.3.4', port: null });
  });

  it('is null when another reader could see another host in it', () => {
    for (const text of [
      '',
      '.',
      ':80',
      'a:',
      'a:0',
      'a:65536',
      'a:1:2',
      'a b',
      'a\tb',
      'a/b',
      'a?b',
      'a#b',
      'a@b',
      'a,b',
      'a..b',
      '.a',
      'a..',
      'a%2eb',
      'a\0',
      '[::1',
      '[::1]a',
      '[::1%eth0]',
      '[a]',
      '::1',
      'a\\b',
      'à',
      'a\u212a',
      '*.a',
    ]) {
      expect(parseAuthority(text)).toBeNull();
    }
  });
});
