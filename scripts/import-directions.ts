import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/**
 * Which package may import which: the arrows of ARCHITECTURE.md. `errors` may be imported by everything.
 * A package that is not a key here is unknown, which is a finding as well.
 */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'packages/errors': [],
  'packages/muxado': [],
  'packages/protocol': ['muxado'],
  'packages/http1': [],
  'packages/http-rules': ['http1'],
  'packages/traffic-policy': [],
  'packages/pki': [],
  'packages/registry': [],
  'packages/api-contract': [],
  'packages/recipes': [],
  'packages/service': [],
  'packages/outgoing': ['service'],
  'packages/agent': ['muxado', 'protocol', 'http1'],
  'packages/db': [],
  'packages/postgres': ['service'],
  'packages/dev-env': ['*'],
  'apps/edge': [
    'muxado',
    'protocol',
    'http1',
    'http-rules',
    'traffic-policy',
    'outgoing',
    'pki',
    'registry',
    'api-contract',
    'service',
  ],
  'apps/api': ['db', 'registry', 'pki', 'outgoing', 'traffic-policy', 'api-contract', 'service'],
  'apps/cli': ['agent', 'api-contract', 'traffic-policy'],
  'apps/platform': ['agent', 'postgres', 'recipes', 'service'],
  'apps/dashboard': ['api-contract', 'recipes', 'traffic-policy'],
  e2e: ['*'],
};

/** Tests may also use what makes a real surrounding for them. */
const FOR_TESTS = [
  'dev-env',
  'postgres',
  'pki',
  'registry',
  'service',
  'protocol',
  'muxado',
  'api',
  'db',
  'agent',
  'edge',
];

const IMPORT =
  /(?:^|[^.\w])(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm;

/** Every import that goes against the arrows, one sentence each. */
export function findWrongImports(root: string): string[] {
  const findings: string[] = [];
  for (const folder of packageFolders(root)) {
    const allowed = ARROWS[folder];
    if (allowed === undefined) {
      findings.push(`${folder}: not drawn in scripts/import-directions.ts`);
      continue;
    }
    const manifest: unknown = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const declared = declaredDependencies(manifest);
    const used = new Set<string>();
    for (const file of sourceFiles(join(root, folder))) {
      const place = relative(root, file);
      const isTest =
        /\.test\.tsx?$|\/(testing|fixtures|bench|test-support)\//.test(place) || /test-[\w-]+\.ts$|vitest-/.test(place);
      for (const target of importsOf(readFileSync(file, 'utf8'))) {
        if (target.startsWith('.')) {
          const path = resolve(file, '..', target);
          if (!path.startsWith(join(root, folder) + sep)) findings.push(`${place}: ${target} leaves its package`);
          continue;
        }
        if (!target.startsWith('@portico/')) continue;
        const name = target.split('/')[1] ?? '';
        used.add(`@portico/${name}`);
        const drawn =
          name === 'errors' ||
          allowed.includes('*') ||
          allowed.includes(name) ||
          `@portico/${name}` === packageName(manifest);
        if (!drawn && !(isTest && FOR_TESTS.includes(name))) {
          findings.push(`${place}: imports ${target}; ${folder} may import ${['errors', ...allowed].join(', ')}`);
        }
        if (!declared.has(`@portico/${name}`) && `@portico/${name}` !== packageName(manifest)) {
          findings.push(`${place}: imports ${target}, which its package.json does not name`);
        }
      }
    }
    for (const name of declared) {
      if (name.startsWith('@portico/') && !used.has(name)) {
        findings.push(`${folder}/package.json: names ${name}, which nothing in it imports`);
      }
    }
  }
  return findings;
}

export function importsOf(source: string): string[] {
  return [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function packageFolders(root: string): string[] {
  const groups = ['apps', 'packages'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => `${group}/${name}`),
  );
  return [...groups, 'e2e'].sort();
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', '.next', 'generated', 'dist'].includes(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.(ts|tsx|mjs)$/.test(entry.name) ? [path] : [];
  });
}

function declaredDependencies(manifest: unknown): Set<string> {
  const names = new Set<string>();
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    const group = field(manifest, kind);
    if (typeof group === 'object' && group !== null) for (const name of Object.keys(group)) names.add(name);
  }
  return names;
}

function packageName(manifest: unknown): string {
  return String(field(manifest, 'name'));
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}
