import { describe, expect, it } from 'vitest';
import { parseConnectUrl } from './connect-url.ts';

describe('a connect URL', () => {
  it.each([
    ['localhost:4443', 'localhost', 4443, 'localhost:4443'],
    ['connect.example.com', 'connect.example.com', 443, 'connect.example.com:443'],
    ['[::1]:4443', '::1', 4443, '[::1]:4443'],
    ['127.0.0.1:4443', '127.0.0.1', 4443, '127.0.0.1:4443'],
    ['https://connect.example.com:8443/', 'connect.example.com', 8443, 'connect.example.com:8443'],
    [' connect.example.com:1 ', 'connect.example.com', 1, 'connect.example.com:1'],
  ])('%s is accepted', (text, host, port, shown) => {
    expect(parseConnectUrl(text)).toEqual({ host, port, text: shown });
  });

  it.each([
    '',
    'a b:1',
    'host:0',
    'host:70000',
    'host:x',
    '[zz]:1',
    '::1:80',
    'u@h:1',
    'h:1/path',
    'http://h:1',
    '-h:1',
  ])('"%s" is refused and told what is accepted', (text) => {
    expect(() => parseConnectUrl(text)).toThrow('Accepted: host:port');
  });
});
