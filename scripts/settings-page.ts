import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `.env.example`: every variable that a config reads, with what the table of the README says of it.
 * @throws when a config reads a variable that the README does not explain, or the other way round.
 */
export function environmentExample(root: string): string {
  const explained = readTable(readFileSync(join(root, 'README.md'), 'utf8'));
  const read = readVariables(root);
  const unexplained = [...read].filter((name) => !explained.has(name));
  if (unexplained.length > 0) throw new Error(`the README's table does not explain ${unexplained.join(', ')}`);
  const unread = [...explained.keys()].filter((name) => !read.has(name));
  if (unread.length > 0) throw new Error(`no config reads ${unread.join(', ')}, which the README's table explains`);
  const lines = [...explained].map(
    ([name, { fallback, text }]) => `# ${text}\n#${name}=${fallback === '–' ? '' : fallback}\n`,
  );
  return [
    "# Settings of Portico, made from the README's table by `node scripts/generate.ts`; do not edit.",
    '# Every line shows the default; a value that cannot be used stops the start and says what is accepted.',
    '',
    ...lines,
  ].join('\n');
}

function readVariables(root: string): Set<string> {
  const found = new Set<string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !['node_modules', '.next', 'e2e'].includes(entry.name)) walk(path);
      else if (/^(config|launch)\.(ts|mjs)$/.test(entry.name)) {
        for (const [name] of readFileSync(path, 'utf8').matchAll(/\b(?:PORTICO_[A-Z_]+|DATABASE_URL)\b/g))
          found.add(name);
      }
    }
  };
  walk(join(root, 'apps'));
  // Read by the agent's command, which says so in its own help.
  for (const own of ['PORTICO_CONFIG', 'PORTICO_AUTHTOKEN', 'PORTICO_CONNECT_URL']) found.delete(own);
  return found;
}

/** Rows of the README's table: `| \`A\` \`B\` | default, default | text |`. */
function readTable(readme: string): Map<string, { fallback: string; text: string }> {
  const rows = new Map<string, { fallback: string; text: string }>();
  for (const [, names = '', fallbacks = '', text = ''] of readme.matchAll(
    /^\| ((?:`[A-Z_]+` ?)+)\| (.*?) \| (.*?) \|$/gm,
  )) {
    const variables = [...names.matchAll(/`([A-Z_]+)`/g)].map(([, name = '']) => name);
    const defaults = fallbacks.split(', ');
    variables.forEach((name, index) => {
      const fallback = defaults.length === variables.length ? defaults[index] : fallbacks;
      rows.set(name, { fallback: (fallback ?? '').replaceAll('`', ''), text: text.replaceAll('`', '') });
    });
  }
  return rows;
}
