/**
 * Writes the files that are made from code: `node scripts/generate.ts`. `npm run check` fails when one is stale.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue } from '../packages/errors/src/index.ts';
import { actionsTable } from './actions-table.ts';
import { apiOperations } from './api-operations.ts';
import { limitsPage } from './limits-page.ts';
import { environmentExample } from './settings-page.ts';

const root = join(import.meta.dirname, '..');

interface Generated {
  readonly path: string;
  readonly content: string;
}

/** The paths of generated files whose content on disk is not what the code gives. */
export async function staleFiles(): Promise<string[]> {
  return (await generated())
    .filter(({ path, content }) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== content)
    .map(({ path }) => path);
}

async function generated(): Promise<Generated[]> {
  return [
    { path: 'docs/errors.md', content: errorsPage() },
    { path: 'docs/limits.md', content: await limitsPage(root) },
    { path: 'docs/traffic-policy.md', content: policyPage() },
    { path: 'packages/api-contract/src/operations.json', content: apiOperations() },
    { path: '.env.example', content: environmentExample(root) },
  ];
}

/** All above the marker is written by hand. */
function policyPage(): string {
  const marker = '<!-- made by node scripts/generate.ts from the readers of the actions -->';
  const [written = ''] = readFileSync(join(root, 'docs/traffic-policy.md'), 'utf8').split(marker);
  return `${written}${marker}\n\n${actionsTable()}\n`;
}

function errorsPage(): string {
  const families = {
    caller: 'The caller was wrong',
    offline: 'Nobody answers',
    upstream: 'The upstream failed',
    internal: 'Portico failed',
  } as const;
  const sections = Object.entries(families).map(([family, heading]) => {
    const rows = Object.entries(catalogue)
      .filter(([, entry]) => entry.family === family)
      .map(
        ([code, entry]) =>
          `| ERR_NGROK_${code} | ${entry.status} | ${entry.title} | ${entry.owner.replaceAll('|', '\\|')} |`,
      );
    return [
      `## ${heading}`,
      '',
      '| code | status | title | what the owner is told |',
      '| --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return [
    '# Errors',
    '',
    'Made from `packages/errors/src/catalogue.ts` by `node scripts/generate.ts`; do not edit. `{name}` is filled in.',
    '',
    ...sections,
  ].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  for (const { path, content } of await generated()) {
    writeFileSync(join(root, path), content);
    process.stdout.write(`${path}\n`);
  }
}
