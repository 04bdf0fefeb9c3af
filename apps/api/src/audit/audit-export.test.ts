import { describe, expect, it } from 'vitest';
import { csvField } from './audit-export.ts';

describe('a field of an export', () => {
  it('is quoted where it has to be', () => {
    expect(csvField('plain')).toBe('plain');
    expect(csvField(null)).toBe('');
    expect(csvField('a,b')).toBe('"a,b"');
    expect(csvField('say "a"')).toBe('"say ""a"""');
    expect(csvField({ a: 1 })).toBe('"{""a"":1}"');
    expect(csvField('two\nlines')).toBe('"two\nlines"');
  });

  it('is never a formula of a spreadsheet', () => {
    for (const text of ['=1+1', '+1', '-1', '@x', '\tx']) expect(csvField(text)).toMatch(/^"?'/);
  });
});
