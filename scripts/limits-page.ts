import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Field {
  readonly name: string;
  readonly text: string;
}

/** One table of the page: an interface whose doc comments say what its fields protect, and the object of its defaults. */
interface Section {
  readonly title: string;
  readonly file: string;
  readonly interfaceName: string;
  readonly defaults: Readonly<Record<string, unknown>>;
}

const sections: readonly Omit<Section, 'defaults'>[] = [
  { title: 'Requests of visitors', file: 'packages/http1/src/limits.ts', interfaceName: 'RequestLimits' },
  { title: 'Answers of upstreams', file: 'packages/http1/src/limits.ts', interfaceName: 'ResponseLimits' },
  { title: 'Visitor connections', file: 'apps/edge/src/proxy/limits.ts', interfaceName: 'VisitorLimits' },
  { title: 'Running policies', file: 'apps/edge/src/policy/limits.ts', interfaceName: 'PolicyRunLimits' },
  { title: 'Agents', file: 'apps/edge/src/config.ts', interfaceName: 'EdgeLimits' },
  { title: 'Streams of an agent', file: 'packages/muxado/src/limits.ts', interfaceName: 'MuxLimits' },
  { title: 'API', file: 'apps/api/src/config.ts', interfaceName: 'ApiLimits' },
];

/** What the HTTP/2 of Node leaves open until an own server end replaces it (docs/decisions/003-http2-in-by-node.md). */
const knownFailures = [
  '## Known failures of HTTP/2',
  '',
  "Visitors' HTTP/2 runs on `node:http2`. Floods of resets, PING, SETTINGS and empty DATA end the connection at 1,000 at",
  'the latest instead of at the figures of the table above. h2spec in strict mode passes 137 of 146; these fail: 5.1 (8, 9,',
  '11, 12), 5.1.1 (2), 5.3.1 (2), 6.3 (1), 6.7 (2), 6.9.1 (3). More DATA than `content-length` closes the whole connection.',
] as const;

/** The page of all limits, from the typed objects that hold them. */
export async function limitsPage(root: string): Promise<string> {
  const parts = [
    '# Limits',
    '',
    'Made from the limit objects in the code by `node scripts/generate.ts`; do not edit. Names ending in `Ms` are',
    'milliseconds, in `Bytes` bytes, in `S` seconds. A field without a text belongs to the one above it.',
    '',
  ];
  for (const section of sections) {
    const source = readFileSync(join(root, section.file), 'utf8');
    const module: Readonly<Record<string, unknown>> = await import(join(root, section.file));
    parts.push(table({ ...section, defaults: findDefaults(source, section.interfaceName, module) }, source));
  }
  parts.push(...knownFailures, '');
  return parts.join('\n');
}

/** The exported constant that is declared with the interface's type. */
function findDefaults(
  source: string,
  interfaceName: string,
  module: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const declared = new RegExp(`export const (\\w+): (?:Readonly<)?${interfaceName}\\b`).exec(source)?.[1];
  const value = declared === undefined ? undefined : module[declared];
  if (typeof value !== 'object' || value === null) throw new Error(`no exported defaults of type ${interfaceName}`);
  return Object.fromEntries(Object.entries(value));
}

function table({ title, interfaceName, file, defaults }: Section, source: string): string {
  // Fields of an object inside are shown with their object.
  const rows = fieldsOf(source, interfaceName)
    .filter(({ name }) => Object.hasOwn(defaults, name))
    .map(({ name, text }) => `| \`${name}\` | ${show(defaults[name])} | ${text.replaceAll('|', '\\|')} |`);
  return [
    `## ${title}`,
    '',
    `\`${interfaceName}\` in \`${file}\`.`,
    '',
    '| limit | default | what it is |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** The fields of an interface with their doc comments on one line each. */
export function fieldsOf(source: string, interfaceName: string): Field[] {
  const start = source.indexOf(`export interface ${interfaceName} {`);
  if (start < 0) throw new Error(`no interface ${interfaceName}`);
  const body = source.slice(start, source.indexOf('\n}', start));
  return [...body.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?readonly (\w+)\??:/g)].map(
    ([, comment = '', name = '']) => ({
      name,
      text: comment.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim(),
    }),
  );
}

function show(value: unknown): string {
  if (value === Number.POSITIVE_INFINITY) return 'none';
  if (typeof value === 'number') return value.toLocaleString('en-US');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, part]) => `${name} ${show(part)}`)
      .join(', ');
  }
  return String(value);
}
