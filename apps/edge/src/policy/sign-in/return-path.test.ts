import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeReturnPath } from './return-path.ts';

describe('where a person goes after signing in', () => {
  it.each(['/', '/a/b?c=d&e=%2F', '/ngrok', '/a//b', '/%2e%2e/x'])('keeps %s', (path) => {
    expect(safeReturnPath(path)).toBe(path === '/%2e%2e/x' ? '/x' : path);
  });

  it.each([
    null,
    '',
    'https://evil.example/',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/ /evil.example',
    '/a\r\nSet-Cookie: x=y',
    '/.//evil.example',
    '/x/..//evil.example',
    'javascript:alert(1)',
    '/ngrok/login',
    '/ngrok/logout',
    '/ngrok/oauth2/callback?code=x',
    '/x/../ngrok/logout',
    `/${'a'.repeat(3_000)}`,
    '/ä',
  ])('turns %j into the start page', (path) => {
    expect(safeReturnPath(path)).toBe('/');
  });

  it('never leaves the host, whatever the text', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      '//',
      'evil.example',
      ':',
      '@',
      '%2f',
      '\t',
      '?',
      '#',
      'https:',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
        ),
        (text) => {
          const path = safeReturnPath(text);
          expect(new URL(path, 'https://demo.example/x').origin).toBe('https://demo.example');
          expect(path).toMatch(/^\/(?![/\\])/);
        },
      ),
    );
  });
});
