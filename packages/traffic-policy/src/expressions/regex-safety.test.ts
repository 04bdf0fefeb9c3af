import { PorticoError } from '@portico/errors';
import { describe, expect, it } from 'vitest';
import { scope } from '../testing/contexts.ts';
import { Budget } from './budget.ts';
import { compileExpression, Expression } from './expression.ts';
import { Regex, RegexRefused } from './regex.ts';

function expression(source: string): Expression {
  const compiled = compileExpression(source, 'on_http_request');
  if (!(compiled instanceof Expression)) throw new Error(`${source}: ${compiled.reason}`);
  return compiled;
}

function withVars(vars: Record<string, unknown>): ReturnType<typeof scope> {
  const made = scope('on_http_request');
  for (const [name, value] of Object.entries(vars)) made.setVar(name, value);
  return made;
}

/** Patterns that take a backtracking engine from seconds to centuries on texts of this length. */
const CATASTROPHIC: readonly (readonly [string, string])[] = [
  ['^(a+)+$', `${'a'.repeat(1_000)}!`],
  ['^(a|aa)+$', `${'a'.repeat(1_000)}!`],
  ['^(a|a?)+$', `${'a'.repeat(1_000)}!`],
  ['(.*a){12}', 'b'.repeat(1_000)],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(1_000)],
  ['(x+x+)+y', 'x'.repeat(1_000)],
  ['^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+$', `${'a'.repeat(1_000)}!`],
];

describe('regular expressions of users', () => {
  it.each(CATASTROPHIC)('matches %s in linear time, as literal and as value', (pattern, text) => {
    const started = process.threadCpuUsage();
    expression(`vars.text.matches(${JSON.stringify(pattern)})`).test(withVars({ text }));
    expression('vars.text.matches(vars.pattern)').test(withVars({ text, pattern }));
    expression('matches(vars.text, vars.pattern)').test(withVars({ text, pattern }));
    expression('[vars.text].exists(t, t.matches(vars.pattern))').test(withVars({ text, pattern }));
    expect(process.threadCpuUsage(started).user / 1000).toBeLessThan(1_000);
  });

  it.each([
    "'a'.matches(vars.pattern)",
    "matches('a', vars.pattern)",
    'vars.text.matches(vars.pattern)',
    "['a'].all(t, t.matches(vars.pattern))",
    "cel.bind(t, 'a', t.matches(vars.pattern))",
    'string(1).matches(vars.pattern)',
    "(true ? 'a' : 'b').matches(vars.pattern)",
  ])('never reaches the RegExp of JavaScript: %s', (source) => {
    // JavaScript knows look-ahead, RE2 does not: whoever accepts it is the wrong engine.
    const made = withVars({ text: 'a', pattern: '(?=a)' });
    expect(() => expression(source).value(made)).toThrow(/regular expression cannot be used/);
  });

  it('knows the syntax that JavaScript does not', () => {
    expect(expression("'a.c'.matches('^\\\\Qa.c\\\\E$')").test(scope('on_http_request'))).toBe(true);
    expect(expression("'ABC'.matches('(?i)^abc$')").test(scope('on_http_request'))).toBe(true);
    expect(expression("'7'.matches('[[:digit:]]')").test(scope('on_http_request'))).toBe(true);
  });

  it('refuses a large program when the policy is loaded', () => {
    const compiled = compileExpression("req.url.path.matches('^(a{1,1000})*b$')", 'on_http_request');
    expect(compiled).toMatchObject({ kind: 'refused', offset: 21 });
    expect(() => new Regex('(a{1,100}){1,10}b')).toThrow(RegexRefused);
    expect(() => new Regex('a'.repeat(1_001))).toThrow(RegexRefused);
    expect(() => new Regex(`${'('.repeat(500)}a${')'.repeat(500)}`)).toThrow(RegexRefused);
  });

  it('names what RE2 does not have', () => {
    expect(() => new Regex('(a)\\1')).toThrow(/back references/);
    expect(() => new Regex('a(?=b)')).toThrow(/look-around/);
    expect(() => new Regex('a(?<!b)c')).toThrow(/look-around/);
  });

  it('stops when one phase has spent its budget on them', () => {
    const made = withVars({ text: 'a'.repeat(8_000) });
    const costly = expression("lists.range(1000).exists(i, vars.text.matches('(a|b|c|d){50}x'))");
    const started = process.threadCpuUsage();
    expect(() => costly.test(made)).toThrow(PorticoError);
    expect(() => costly.test(made)).toThrow(/cost too much/);
    expect(process.threadCpuUsage(started).user / 1000).toBeLessThan(2_000);
  });

  it('stops finding all matches where that is quadratic', () => {
    const started = process.threadCpuUsage();
    expect(() => new Regex('a*b|a').replaceAll('a'.repeat(60_000), 'x', new Budget())).toThrow(/took too long/);
    expect(process.threadCpuUsage(started).user / 1000).toBeLessThan(2_000);
  });

  it('replaces with groups and stays within its bounds', () => {
    expect(new Regex('(\\w+)@(\\w+)').replaceAll('me@here you@there', `$2 at \${1}$$`, new Budget())).toBe(
      'here at me$ there at you$',
    );
    expect(() => new Regex('a').replaceAll('a'.repeat(1_000), 'b'.repeat(100), new Budget())).toThrow(/characters/);
  });
});
