import { PorticoError } from '@portico/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { request, scope } from '../testing/contexts.ts';
import { compileExpression, Expression } from './expression.ts';

const runs = process.env.PORTICO_LONG === '1' ? 20_000 : 400;

function compile(source: string): Expression {
  const compiled = compileExpression(source, 'on_http_request');
  if (!(compiled instanceof Expression)) throw new Error(`${source}: ${compiled.reason}`);
  return compiled;
}

function failure(source: string): PorticoError {
  try {
    compile(source).value(scope('on_http_request'));
  } catch (error) {
    if (error instanceof PorticoError) return error;
    throw error;
  }
  throw new Error(`${source} did not fail`);
}

describe('the limits of an expression', () => {
  it.each([
    ['its length', `'${'a'.repeat(2_000)}' == ''`, /2005 characters|characters, at most/],
    ['its nodes', Array(300).fill('1').join(' + '), /nodes|AST/i],
    ['its nesting', `${'('.repeat(150)}1${')'.repeat(150)}`, /depth|deep/i],
    ['negations', `${'!'.repeat(1_500)}true`, /deep|depth|nodes/i],
    ['loops in one another', '[1].map(a, [1].map(b, [1].map(c, c)))', /loop/],
    ['cel.bind counts as a loop', "cel.bind(a, 'x', cel.bind(b, a, cel.bind(c, b, c)))", /loop/],
  ])('refuses more than allowed of %s', (_, source, reason) => {
    const compiled = compileExpression(source, 'on_http_request');
    expect(compiled).toMatchObject({ kind: 'refused' });
    expect(compiled instanceof Expression ? '' : compiled.reason).toMatch(reason);
  });

  it.each([
    'lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))',
    'lists.range(1000).map(a, lists.range(1000))',
    "lists.range(1000).all(a, timestamp(time.now).getHours('Europe/Berlin') >= 0)",
    "lists.range(1000).all(a, lists.range(1000).all(b, time.now.sha512() != ''))",
    "lists.range(1000).map(a, 'abcdefghijklmnopqrstuvwxyz').join('').split('').sort().size() > 0 && lists.range(1000).all(a, lists.range(1000).all(b, true))",
  ])('stops what costs too much with 2249: %s', (source) => {
    const started = performance.now();
    expect(failure(source).code).toBe(2249);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it.each([
    "cel.bind(a, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'.replace('x', '0123456789'), a.replace('0', a).replace('1', a).replace('2', a))",
    "cel.bind(a, lists.range(1000).map(i, 'abcdefghij').join(), cel.bind(b, a + a + a, b + b + b + b))",
    "'%s%s%s%s%s%s%s%s'.format([lists.range(1000).map(i, 'abcdefghij').join(), lists.range(1000).map(i, 'abcdefghij').join(), lists.range(1000).map(i, 'abcdefghij').join(), lists.range(1000).map(i, 'abcdefghij').join(), lists.range(1000).map(i, 'abcdefghij').join(), lists.range(1000).map(i, 'abcdefghij').join(), lists.range(1000).map(i, 'abcdefghij').join(), 'x'])",
  ])('stops texts that grow: %#', (source) => {
    expect(failure(source).code).toBe(2249);
  });

  it('shares one budget among all expressions of a phase', () => {
    const one = scope('on_http_request');
    const costly = compile('lists.range(1000).all(a, lists.range(100).all(b, true))');
    expect(() => {
      for (let time = 0; time < 20; time += 1) costly.test(one);
    }).toThrow(/cost too much/);
    expect(costly.test(scope('on_http_request'))).toBe(true);
  });

  it('keeps variables from growing into one another', () => {
    const made = scope('on_http_request');
    made.setVar(
      'a',
      Array.from({ length: 100 }, () => 'x'),
    );
    const double = compile('[vars.a, vars.a, vars.a, vars.a]');
    expect(() => {
      for (let time = 0; time < 20; time += 1) made.setVar('a', double.value(made));
    }).toThrow(/parts/);
  });

  it('never crashes or hangs on text that looks like expressions', () => {
    const word = fc.constantFrom(
      'req',
      'conn',
      'vars',
      '.',
      'url',
      'path',
      'headers',
      '[',
      ']',
      '(',
      ')',
      "'x'",
      '"',
      '1',
      '2.5',
      '+',
      '&&',
      '||',
      '!',
      '==',
      '<',
      'in',
      'matches',
      'exists',
      'map',
      'x',
      ',',
      '?',
      ':',
      '{',
      '}',
      'has',
      'null',
      'true',
      '-',
      'size',
      'client_ip',
      'constructor',
      '__proto__',
      '.?',
      'cel.bind',
      "b'x'",
      'getReqHeader',
      'timestamp',
      'duration',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), fc.constantFrom('', ' '), (words, between) => {
        const compiled = compileExpression(words.join(between), 'on_http_request');
        if (!(compiled instanceof Expression)) {
          expect(compiled.reason).not.toBe('');
          expect(compiled.offset).toBeGreaterThanOrEqual(0);
          return;
        }
        try {
          compiled.value(scope('on_http_request', { request: request({ target: '/a?b=c' }) }));
        } catch (error) {
          expect(error).toBeInstanceOf(PorticoError);
        }
      }),
      { numRuns: runs },
    );
  });
});
