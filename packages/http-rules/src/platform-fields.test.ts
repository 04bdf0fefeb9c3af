import { describe, expect, it } from 'vitest';
import { stripPlatformFields } from './platform-fields.ts';

describe('fields by which the platform speaks (F3)', () => {
  it('are removed, in _ spelling too', () => {
    const spoken = [
      'ngrok-error-code',
      'Ngrok-Error-Code',
      'ngrok_error_code',
      'ngrok-auth-user-email',
      'NGROK-TRACE-ID',
      'portico-account',
      'Portico-Anything',
      'portico_internal',
      'ngrok-',
    ];
    for (const name of spoken)
      expect(stripPlatformFields(['X', 'a', name, 'v', 'Y', 'b'])).toEqual(['X', 'a', 'Y', 'b']);
  });

  it('leaves others, among them what a visitor says to the platform', () => {
    const fields = ['ngrok-skip-browser-warning', '1', 'X-Ngrok', 'a', 'porticos', 'b', 'ngrok', 'c'];
    expect(stripPlatformFields(fields)).toBe(fields);
  });
});
