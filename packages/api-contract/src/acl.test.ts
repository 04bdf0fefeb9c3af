import { describe, expect, it } from 'vitest';
import { isAllowed, ruleFault } from './acl.ts';

const host = (name: string) => ({ kind: 'host', host: name }) as const;
const random = { kind: 'random-host', baseDomain: 'base.test' } as const;
const port = { kind: 'port', host: 'tcp.test', port: 20_017 } as const;
const anyPort = { kind: 'any-port', host: 'tcp.test' } as const;

describe('the rules of an authtoken', () => {
  it('allow everything when there are none, or one that says so', () => {
    for (const acl of [[], ['*'], ['bind:*'], ['bind:x.base.test', 'bind:*']]) {
      for (const target of [host('a.base.test'), random, port, anyPort]) expect(isAllowed(acl, target)).toBe(true);
    }
  });

  it('allow only what one of them names, once there is one', () => {
    const acl = ['bind:Shop.base.test'];
    expect(isAllowed(acl, host('shop.base.test'))).toBe(true);
    for (const target of [host('a.shop.base.test'), host('shop2.base.test'), host('*.base.test'), random, port]) {
      expect(isAllowed(acl, target)).toBe(false);
    }
  });

  it('allow labels one by one, exactly or whatever their value', () => {
    const label = (key: string, value: string) => ({ kind: 'label', key, value }) as const;
    const acl = ['bind:app=Web', 'bind:env=*'];
    for (const allowed of [label('app', 'Web'), label('env', 'any thing')]) expect(isAllowed(acl, allowed)).toBe(true);
    for (const other of [label('app', 'web'), label('App', 'Web'), label('x', 'y'), host('app-web.internal')]) {
      expect(isAllowed(acl, other)).toBe(false);
    }
  });

  it('name everything under a host by a wildcard, but not the host itself', () => {
    const acl = ['bind:*.dev.base.test'];
    for (const name of ['a.dev.base.test', 'a.b.dev.base.test', '*.dev.base.test']) {
      expect(isAllowed(acl, host(name))).toBe(true);
    }
    for (const name of ['dev.base.test', 'xdev.base.test', 'a.base.test']) {
      expect(isAllowed(acl, host(name))).toBe(false);
    }
    expect(isAllowed(acl, random)).toBe(false);
    expect(isAllowed(['bind:*.base.test'], random)).toBe(true);
    expect(isAllowed(['bind:*.test'], random)).toBe(true);
  });

  it('name addresses', () => {
    expect(isAllowed(['bind:tcp.test:20017'], port)).toBe(true);
    expect(isAllowed(['bind:tcp://tcp.test:20017'], port)).toBe(true);
    expect(isAllowed(['bind:tcp.test:20018'], port)).toBe(false);
    expect(isAllowed(['bind:tcp.test:20017'], anyPort)).toBe(false);
    expect(isAllowed(['bind:tcp.test:*'], anyPort)).toBe(true);
    expect(isAllowed(['bind:key=value'], port)).toBe(false);
  });

  it('are checked before they are stored', () => {
    for (const rule of ['*', 'bind:*', 'bind:a.b', 'bind:*.a.b', 'bind:h:1', 'bind:tcp://h:1', 'bind:k=v']) {
      expect(ruleFault(rule)).toBeNull();
    }
    for (const rule of ['', 'a.b', 'bind:', 'bind:a..b', 'bind:a b', 'bind:*.*.a', 'bind:https://a']) {
      expect(ruleFault(rule)).not.toBeNull();
    }
  });
});
