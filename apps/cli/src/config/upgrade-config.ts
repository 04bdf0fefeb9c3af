import { type Document, isMap, isSeq, parseDocument, YAMLMap } from 'yaml';
import { CliError } from '../output/cli-error.ts';
import { checkText } from './load-config.ts';

/** Keys of version 2 and what they are under `agent:` in version 3. */
const renamed: Readonly<Record<string, string>> = { server_addr: 'connect_url', root_cas: 'connect_cas' };
const dropped: ReadonlySet<string> = new Set(['region']);
const olderTunnelKeys: Readonly<Record<string, string>> = { auth: 'basic_auth' };
const olderAgentKeys: Readonly<Record<string, string>> = { http_proxy: 'proxy_url', socks5_proxy: 'proxy_url' };

/**
 * The text of a version 2 file in version 3, its comments kept, and what was changed. A file of version 3 comes back as
 * it is. Throws a CliError when it is neither, or when the result would not be valid.
 */
export async function upgradeConfig(path: string, before: string): Promise<{ text: string; changes: string[] }> {
  const document = parseDocument(before);
  if (document.errors.length > 0 || !isMap(document.contents)) await checkText(path, before);
  const version = String(document.get('version') ?? '1');
  if (version === '3') {
    await checkText(path, before);
    return { text: before, changes: [] };
  }
  const changes = [`version: ${version} is now 3`];
  renameOlder(document, changes);
  const agent = new YAMLMap();
  for (const { key, value } of mapOf(document).items) {
    const name = String(key);
    if (name === 'version' || name === 'tunnels' || name === 'endpoints') continue;
    if (dropped.has(name)) {
      changes.push(`${name} is dropped: it has no effect`);
      continue;
    }
    const today = renamed[name] ?? name;
    agent.set(today, value);
    changes.push(today === name ? `${name} is now agent.${name}` : `${name} is now agent.${today}`);
  }
  const tunnels = document.get('tunnels', true);
  const endpoints = document.get('endpoints', true);
  const next = parseDocument('version: 3\n');
  next.commentBefore = document.commentBefore;
  if (agent.items.length > 0) next.set('agent', agent);
  if (endpoints !== undefined) next.set('endpoints', endpoints);
  if (tunnels !== undefined) next.set('tunnels', tunnels);
  const text = next.toString({ lineWidth: 0 });
  await checkText(path, text);
  return { text, changes };
}

/** Names of 2.x that version 2 no longer knew. */
function renameOlder(document: Document, changes: string[]): void {
  const map = mapOf(document);
  for (const [old, today] of Object.entries(olderAgentKeys)) {
    if (!map.has(old)) continue;
    const value = String(map.get(old));
    map.set(today, old === 'socks5_proxy' && !value.includes('://') ? `socks5://${value}` : value);
    map.delete(old);
    changes.push(`${old} is now ${today}`);
  }
  const tunnels = map.get('tunnels');
  if (!isMap(tunnels)) return;
  for (const { key, value } of tunnels.items) {
    if (!isMap(value)) continue;
    for (const [old, today] of Object.entries(olderTunnelKeys)) {
      if (!value.has(old)) continue;
      const found = value.get(old);
      value.set(today, isSeq(found) ? found : [String(found)]);
      value.delete(old);
      changes.push(`tunnels.${String(key)}.${old} is now ${today}`);
    }
    if (value.has('bind_tls')) {
      const choice = String(value.get('bind_tls'));
      value.set('schemes', choice === 'both' ? ['http', 'https'] : choice === 'false' ? ['http'] : ['https']);
      value.delete('bind_tls');
      changes.push(`tunnels.${String(key)}.bind_tls is now schemes`);
    }
  }
}

function mapOf(document: Document) {
  const { contents } = document;
  if (isMap(contents)) return contents;
  throw new CliError('The configuration file is no map of keys and values.');
}
