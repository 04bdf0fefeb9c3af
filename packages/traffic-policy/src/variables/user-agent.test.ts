import { describe, expect, it } from 'vitest';
import { parseUserAgent } from './user-agent.ts';

describe('a user agent', () => {
  it.each<[string, object]>([
    ['curl/8.5.0', { name: 'curl', version: '8.5.0', kind: 'other' }],
    ['Go-http-client/2.0', { name: 'Go-http-client', version: '2.0' }],
    ['python-requests/2.31.0', { name: 'python-requests', version: '2.31.0' }],
    ['GitHub-Hookshot/abc123', { name: 'GitHub-Hookshot', version: 'abc123' }],
    ['node', { name: 'node', version: '' }],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
      { name: 'Chrome', version: '120.0.0.0', os: 'Windows', kind: 'desktop' },
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1',
      { name: 'Safari', os: 'iOS', osVersion: '17.0', device: 'Apple iPhone', kind: 'mobile' },
    ],
    [
      'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
      { name: 'Googlebot', version: '2.1', kind: 'bot' },
    ],
    [
      'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)',
      { name: 'GPTBot', version: '1.2', kind: 'bot' },
    ],
    ['SomeNewBot/1.0', { kind: 'bot' }],
    ['', { name: '', kind: 'other' }],
  ])('%s', (text, expected) => {
    expect(parseUserAgent(text)).toMatchObject(expected);
  });

  it('that is hostile takes no time', () => {
    const texts = ['('.repeat(16_000), 'Mozilla/5.0 '.repeat(1_000), 'a/'.repeat(8_000), `${' '.repeat(16_000)}bot`];
    const started = performance.now();
    for (const text of texts) parseUserAgent(text);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
