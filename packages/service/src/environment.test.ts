import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  readAddress,
  readBoolean,
  readChoice,
  readHostName,
  readPort,
  readPortRange,
  readText,
} from './environment.ts';

describe('reading the environment', () => {
  it('takes the fallback when a variable is absent or empty', () => {
    expect(readPort({}, 'PORTICO_HTTP_PORT', 8080)).toBe(8080);
    expect(readText({ X: '' }, 'X', 'y')).toBe('y');
  });

  it.each(['x', '-1', '65536', '80.5', '0x50', ' 80', '1e3'])(
    'refuses the port %j with a message that names it',
    (value) => {
      const read = () => readPort({ PORTICO_HTTP_PORT: value }, 'PORTICO_HTTP_PORT', 1);
      expect(read).toThrow(ConfigError);
      expect(read).toThrow(
        `PORTICO_HTTP_PORT is ${JSON.stringify(value)}; accepted: a port from 1 to 65535, or 0 for any free one`,
      );
    },
  );

  it('reads booleans and choices', () => {
    expect(readBoolean({ A: '1' }, 'A', false)).toBe(true);
    expect(() => readBoolean({ A: 'yes' }, 'A', false)).toThrow('accepted: true, 1, false or 0');
    expect(readChoice({ A: 'json' }, 'A', 'term', ['term', 'json'])).toBe('json');
    expect(() => readChoice({ A: 'xml' }, 'A', 'term', ['term', 'json'])).toThrow('accepted: term, json');
  });

  it.each(['https://a.b', 'a.b:80', '-a.b', 'a..b', '1.2.3.4', 'a_b', ''.padEnd(70, 'a')])(
    'refuses the host name %j',
    (value) => {
      expect(() => readHostName({ H: value }, 'H', 'x')).toThrow(ConfigError);
    },
  );

  it.each(['9-1', '0-5', '1-70000', '20000', 'a-b'])('refuses the port range %j', (value) => {
    expect(() => readPortRange({ R: value }, 'R', { first: 1, last: 2 })).toThrow('a range such as 20000-20999');
  });

  it('reads port ranges and addresses', () => {
    expect(readPortRange({ R: '5-9' }, 'R', { first: 1, last: 2 })).toEqual({ first: 5, last: 9 });
    expect(readPortRange({ R: '0' }, 'R', { first: 1, last: 2 })).toBeNull();
    expect(readAddress({ A: '::1' }, 'A', '127.0.0.1')).toBe('::1');
    expect(() => readAddress({ A: 'localhost' }, 'A', '127.0.0.1')).toThrow('an IP address such as 127.0.0.1');
  });

  it('lower-cases a host name', () => {
    expect(readHostName({ H: 'Tunnel.Example.COM' }, 'H', 'x')).toBe('tunnel.example.com');
  });
});
