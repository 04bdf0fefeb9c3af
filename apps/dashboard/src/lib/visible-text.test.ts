import { describe, expect, it } from 'vitest';
import { visibleLines, visibleText } from './visible-text.ts';

it('shows control characters and marks that disguise text, and leaves the rest as it is', () => {
  expect(visibleText('a\u0000b\u001b[31m\r\n\t\u007f')).toBe('a␀b␛[31m␍␊␉␡');
  expect(visibleText('moc.\u202eexample\u200b\u2066x\u2069\ufeff')).toBe(
    'moc.\\u{202e}example\\u{200b}\\u{2066}x\\u{2069}\\u{feff}',
  );
  expect(visibleText('\ud800x\udc00')).toBe('\\u{d800}x\\u{dc00}');
  const plain = 'Überweisung שלום مرحبا 東京 🏛️ <script>alert(1)</script> &amp;';
  expect(visibleText(plain)).toBe(plain);
});

describe('lines of untrusted text', () => {
  it('keep their ends and tabs, and show everything else that would hide', () => {
    expect(visibleLines('a\tb\r\nc\u001b[31m\n\u202ed')).toBe('a\tb\nc\u241b[31m\n\\u{202e}d');
  });
});
