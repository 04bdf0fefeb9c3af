/** The facts that edges report of sessions and endpoints, in the names that receivers of events know. */
export function lifecycleObject(facts: Readonly<Record<string, unknown>>): Record<string, JsonValue> {
  const named: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') continue;
    named[names.get(name) ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value;
  }
  return named;
}

type JsonValue = string | number | boolean;

const names: ReadonlyMap<string, string> = new Map([
  ['ip', 'agent_ip'],
  ['reason', 'error'],
  ['endpointId', 'id'],
]);
