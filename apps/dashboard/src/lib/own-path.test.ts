import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownPath, signInPath } from './own-path.ts';

describe('a path to go to after sign-in', () => {
  it('keeps a path of this site', () => {
    for (const path of ['/', '/a/ac_1/endpoints', '/a/ac_1/endpoints?q=status:5xx&x=%20', '/a#b'])
      expect(ownPath(path)).toBe(path);
  });

  it('replaces whatever leads elsewhere', () => {
    const elsewhere = [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      '/\t/evil.example',
      '/\n/evil.example',
      '\\\\evil.example',
      'javascript:alert(1)',
      'evil.example',
      ' //evil.example',
      '/a\\b',
      '',
      null,
      undefined,
      `/${'a'.repeat(1024)}`,
    ];
    for (const path of elsewhere) expect(ownPath(path)).toBe('/');
  });

  it('stays on this site for any text, as a browser resolves it', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '\t',
      '\n',
      ' ',
      '.',
      '..',
      '@',
      ':',
      '?',
      '#',
      'evil.example',
      'https',
      '%2f',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const url = new URL(ownPath(pieces.join('')), 'https://dash.example');
        expect(url.origin).toBe('https://dash.example');
      }),
    );
  });

  it('is carried through sign-in only when it says something', () => {
    expect(signInPath('/')).toBe('/sign-in');
    expect(signInPath('//evil.example')).toBe('/sign-in');
    expect(signInPath('/a/ac_1/endpoints')).toBe('/sign-in?next=%2Fa%2Fac_1%2Fendpoints');
  });
});
