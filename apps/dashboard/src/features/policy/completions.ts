import { ACTION_DEFINITIONS, PHASES } from '@portico/traffic-policy/validate';

export interface PolicyCompletion {
  readonly label: string;
  readonly type: string;
  readonly detail?: string;
}

const ruleKeys: readonly PolicyCompletion[] = [
  { label: 'name', type: 'property', detail: 'for people' },
  { label: 'expressions', type: 'property', detail: 'all have to be true' },
  { label: 'actions', type: 'property', detail: 'what is done' },
];
const actionKeys: readonly PolicyCompletion[] = [
  { label: 'type', type: 'property' },
  { label: 'config', type: 'property' },
];
const variables: readonly PolicyCompletion[] = [
  'req.method',
  'req.host',
  'req.url.path',
  'req.url.query',
  "req.headers['name'][0]",
  "req.cookies['name']",
  'req.user_agent.name',
  'conn.client_ip',
  'conn.tls.version',
  'conn.geo.country_code',
  'res.status_code',
  "res.headers['name'][0]",
  'endpoint.url',
  'actions.ngrok',
  "secrets.get('vault', 'name')",
].map((label) => ({ label, type: 'variable' }));
const messageVariables: readonly PolicyCompletion[] = ['sse.event', 'sse.data', 'sse.id', 'sse.retry'].map((label) => ({
  label,
  type: 'variable',
}));

/** What may stand where the text before ends: phases, keys of a rule, types of actions of that phase, or variables. */
export function completionsFor(before: string): readonly PolicyCompletion[] {
  const line = before.slice(before.lastIndexOf('\n') + 1);
  if (/^\s*$/.test(line) && line === '') return PHASES.map((label) => ({ label, type: 'keyword' }));
  const phase = [...before.matchAll(/^(on_\w+):/gm)].at(-1)?.[1];
  if (/type:\s*["']?$/.test(line)) {
    return ACTION_DEFINITIONS.filter(({ phases }) => phase === undefined || phases.some((one) => one === phase)).map(
      ({ type }) => ({ label: type, type: 'function' }),
    );
  }
  const inExpression = /\$\{[^}]*$/.test(line) || /expressions:/.test(lastKey(before));
  if (inExpression) return phase === 'on_event_stream_message' ? [...messageVariables, ...variables] : variables;
  return /actions:/.test(lastKey(before)) ? actionKeys : ruleKeys;
}

/** The last key of a rule that stands before: what the list below it belongs to. */
function lastKey(before: string): string {
  return [...before.matchAll(/(?:^|[\s{,-])(name|expressions|actions|config):/g)].at(-1)?.[0] ?? '';
}
