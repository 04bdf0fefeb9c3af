import type { AgentMemory } from '@portico/agent';

/** In the environment, which nobody but this user and root can read. */
export const takeOverVariable = 'PORTICO_TAKE_OVER';

/** What a restarted command needs to come back under its URLs. The server is named: another one must not be told. */
export function encodeTakeOver(connectUrl: string, memory: AgentMemory): Record<string, string> {
  const text = JSON.stringify({ connectUrl, memory });
  // Linux takes no longer variable; the endpoints are then opened as at a first start.
  return text.length > 120_000 ? {} : { [takeOverVariable]: text };
}

/** Undefined when there is none, or none that this version reads, or that of another server. */
export function decodeTakeOver(text: string | undefined, connectUrl: string): AgentMemory | undefined {
  if (text === undefined || text === '') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || parsed.connectUrl !== connectUrl || !isRecord(parsed.memory)) return undefined;
  const { keys, endpoints } = parsed.memory;
  if (!isRecord(keys) || typeof keys.clientId !== 'string' || typeof keys.cookie !== 'string') return undefined;
  if (!Array.isArray(endpoints)) return undefined;
  return {
    keys: { clientId: keys.clientId, cookie: keys.cookie },
    endpoints: endpoints.filter(isEndpoint),
  };
}

function isEndpoint(value: unknown): value is AgentMemory['endpoints'][number] {
  if (!isRecord(value) || typeof value.name !== 'string' || !isBind(value.wanted) || !isBind(value.given)) return false;
  return (['id', 'token', 'url'] as const).every(
    (key) => isRecord(value.given) && typeof value.given[key] === 'string',
  );
}

function isBind(value: unknown): boolean {
  return isRecord(value) && protos.some((proto) => proto === value.proto) && isRecord(value.opts);
}

const protos = ['http', 'https', 'tcp', 'tls'] as const;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
