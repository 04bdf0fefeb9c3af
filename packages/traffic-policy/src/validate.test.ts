import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatProblem, loadPolicy } from './validate.ts';

describe('the part that runs in a browser', () => {
  it('imports nothing of Node, itself and all it needs', () => {
    const seen = new Set<string>();
    const outside = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, kind, target] of readFileSync(file, 'utf8').matchAll(
        /^(import|export)(?: type)? [^;]*?from '([^']+)'/gms,
      )) {
        if (target === undefined || kind === undefined) continue;
        if (target.startsWith('.')) visit(join(dirname(file), target));
        else outside.add(target);
      }
    };
    visit(join(import.meta.dirname, 'validate.ts'));
    expect(seen.size).toBeGreaterThan(30);
    expect([...outside].sort()).toEqual([
      '@marcbachmann/cel-js',
      '@marcbachmann/cel-js/evaluator',
      '@portico/errors',
      'bowser',
      're2js',
      'yaml',
    ]);
  });

  it('tells problems as lines', () => {
    const loaded = loadPolicy('on_http_request:\n  - actions: [{type: denny}]\n');
    expect(loaded.kind === 'refused' && loaded.problems.map(formatProblem)).toEqual([
      '2:22: There is no action denny. Did you mean deny? (ERR_NGROK_2201)',
    ]);
  });
});
