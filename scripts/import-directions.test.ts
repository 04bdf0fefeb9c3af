import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findWrongImports, importsOf } from './import-directions.ts';

describe('import directions', () => {
  let root = '';
  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };

  const manifest = (name: string, dependencies: readonly string[]): string =>
    JSON.stringify({
      name: `@portico/${name}`,
      dependencies: Object.fromEntries(dependencies.map((each) => [`@portico/${each}`, 'workspace:*'])),
    });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'directions-'));
    write('apps/edge/package.json', manifest('edge', ['muxado', 'agent']));
    write('packages/agent/package.json', manifest('agent', []));
    write('e2e/package.json', manifest('e2e', []));
  });

  afterEach(() => rmSync(root, { recursive: true }));

  it('accepts an arrow that is drawn', () => {
    write('apps/edge/package.json', manifest('edge', ['muxado']));
    write('apps/edge/src/a.ts', "import { x } from '@portico/muxado';");
    expect(findWrongImports(root)).toEqual([]);
  });

  it('names an import against the arrows, one that leaves the package, and one that is not declared', () => {
    write(
      'apps/edge/src/a.ts',
      "import '@portico/muxado';\nimport { x } from '@portico/agent';\nimport y from '../../../packages/agent/src/y.ts';\nimport '@portico/pki';",
    );
    expect(findWrongImports(root)).toEqual([
      expect.stringContaining('imports @portico/agent; apps/edge may import'),
      expect.stringContaining('leaves its package'),
      expect.stringContaining('imports @portico/pki, which its package.json does not name'),
    ]);
  });

  it('finds a dependency that nothing imports', () => {
    write('e2e/package.json', manifest('e2e', ['muxado']));
    write('apps/edge/package.json', manifest('edge', []));
    expect(findWrongImports(root)).toEqual(['e2e/package.json: names @portico/muxado, which nothing in it imports']);
  });

  it('finds a package that nobody drew', () => {
    write('apps/edge/package.json', manifest('edge', []));
    write('packages/new/package.json', '{"name":"@portico/new"}');
    expect(findWrongImports(root)).toEqual(['packages/new: not drawn in scripts/import-directions.ts']);
  });

  it('sees every form of import', () => {
    expect(
      importsOf(
        "import a from 'a';\nimport type { B }\n  from 'b';\nexport * from 'c';\nconst d = await import('d');\nimport 'e';",
      ),
    ).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
