import { describe, expect, it } from 'vitest';
import { dropFields, getField, getFields, hasField, setField } from './fields.ts';
import { normaliseHost } from './host.ts';

const fields = ['Host', 'a.test', 'Set-Cookie', '1', 'set-cookie', '2', 'X', 'y'];

describe('flat fields', () => {
  it('are found without case', () => {
    expect(getField(fields, 'set-cookie')).toBe('1');
    expect(getFields(fields, 'set-cookie')).toEqual(['1', '2']);
    expect(getField(fields, 'y')).toBeUndefined();
    expect(hasField(fields, 'x')).toBe(true);
    expect(hasField(fields, 'a.test')).toBe(false);
  });

  it('are set once and dropped, the given ones left alone', () => {
    const before = [...fields];
    expect(setField(fields, 'SET-COOKIE', '3')).toEqual(['Host', 'a.test', 'SET-COOKIE', '3', 'X', 'y']);
    expect(setField(fields, 'New', '1').slice(-2)).toEqual(['New', '1']);
    expect(dropFields(fields, (name) => name === 'set-cookie')).toEqual(['Host', 'a.test', 'X', 'y']);
    expect(dropFields(fields, (_, value) => value === 'y')).toEqual(fields.slice(0, 6));
    expect(fields).toEqual(before);
  });

  it('row 31: a host is normalised', () => {
    expect(normaliseHost('A.Test.:8443')).toBe('a.test');
    expect(normaliseHost('a b')).toBeNull();
  });
});
