import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { isScalar, type Node } from 'yaml';
import { logFormats, logLevels } from '../output/log-writer.ts';
import type { AgentConfig, ConfigProblem, ConnectCas } from './agent-config.ts';
import { parseDuration } from './duration.ts';
import { readEndpoints, readTunnels } from './read-endpoints.ts';
import { type FieldReader, YamlReader } from './yaml-reader.ts';

export type ReadConfig =
  | { readonly kind: 'good'; readonly version: 2 | 3; readonly config: AgentConfig }
  | { readonly kind: 'bad'; readonly problems: readonly ConfigProblem[] };

/** 1 MB is far above any real file, and below what makes the YAML library slow. */
export const configBytesMax = 1_000_000;

/**
 * Checks the text of a configuration file, version 3 or 2 (`ngrok-surface.md` section 2). Every fault is reported,
 * unknown keys too, with its line. `path` names the file in faults and is what relative paths inside start from.
 */
export function readConfig(path: string, text: string): ReadConfig {
  const reader = new YamlReader(path, text);
  if (reader.problems.length > 0) return { kind: 'bad', problems: reader.problems };
  if (reader.root === null || (isScalar(reader.root) && reader.root.value === null)) {
    return {
      kind: 'bad',
      problems: [{ path, line: 1, column: 1, message: 'the file is empty; it starts with "version: 3".' }],
    };
  }

  const found: Writable<AgentConfig> = { endpoints: new Map() };
  const version = readVersion(reader);
  const agentFields = version === 2 ? version2Fields(reader, found, path) : agentOptionFields(reader, found, path);
  reader.fields(reader.root, version === 2 ? 'the configuration (version 2)' : 'the configuration', {
    version: () => {},
    ...(version === 2 ? agentFields : { agent: (value) => reader.fields(value, 'agent', agentFields) }),
    ...(version === 2
      ? {}
      : {
          endpoints: (value) =>
            addAll(
              found,
              readEndpoints(reader, value, (file) => fromFile(path, file)),
            ),
        }),
    tunnels: (value) =>
      addAll(
        found,
        readTunnels(reader, value, (file) => fromFile(path, file)),
      ),
  });
  return reader.problems.length > 0
    ? { kind: 'bad', problems: reader.problems }
    : { kind: 'good', version: version ?? 3, config: found };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function addAll(found: Writable<AgentConfig>, endpoints: AgentConfig['endpoints']): void {
  found.endpoints = new Map([...found.endpoints, ...endpoints]);
}

function readVersion(reader: YamlReader): 2 | 3 | null {
  const map = reader.map(reader.root, 'the configuration');
  if (map === null) return null;
  const value = map.get('version', true) ?? null;
  if (value === null) {
    reader.problem(map, 'the key "version" is missing; write "version: 3" first.');
    return null;
  }
  const version = String(value.value);
  if (version === '3') return 3;
  if (version === '2') return 2;
  reader.problem(value, `version is 2 or 3, not "${version}".`);
  return null;
}

/** The keys under `agent:` of version 3. */
function agentOptionFields(
  reader: YamlReader,
  found: Writable<AgentConfig>,
  path: string,
): Record<string, FieldReader> {
  const accepted: FieldReader = () => {};
  const notYet: FieldReader = (value, key) => reader.problem(value, `${key} is not supported yet; take it out.`);
  return {
    authtoken: (value, key) => set(found, 'authtoken', reader.text(value, key)),
    api_key: (value, key) => set(found, 'apiKey', reader.text(value, key)),
    connect_url: (value, key) => set(found, 'connectUrl', reader.text(value, key)),
    connect_cas: (value, key) => set(found, 'connectCas', readCas(reader.text(value, key), path)),
    console_ui: (value, key) => {
      const choice = reader.choice(value, key, ['true', 'false', 'iftty']);
      if (choice !== undefined) found.consoleUi = choice === 'iftty' ? 'iftty' : choice === 'true';
    },
    console_ui_color: (value, key) => reader.choice(value, key, ['transparent', 'black']),
    log: (value, key) => set(found, 'log', reader.text(value, key)),
    log_level: (value, key) => set(found, 'logLevel', reader.choice(value, key, logLevels)),
    log_format: (value, key) => set(found, 'logFormat', reader.choice(value, key, logFormats)),
    metadata: (value, key) => set(found, 'metadata', readMetadata(reader, value, key)),
    heartbeat_interval: (value, key) => set(found, 'heartbeatIntervalMs', readDuration(reader, value, key)),
    heartbeat_tolerance: (value, key) => set(found, 'heartbeatToleranceMs', readDuration(reader, value, key)),
    connect_timeout: (value, key) => set(found, 'connectTimeoutMs', readDuration(reader, value, key)),
    web_addr: (value, key) => {
      const text = reader.text(value, key);
      if (text !== undefined) found.webAddr = text === 'false' ? false : text;
    },
    web_allow_hosts: (value, key) => set(found, 'webAllowHosts', reader.texts(value, key)),
    inspect_db_size: (value, key) => {
      const size = Number(reader.text(value, key) ?? Number.NaN);
      if (Number.isSafeInteger(size) && size >= -1) found.inspectDbSize = size;
      else reader.problem(value, `${key} is a number of bytes, 0 for the default or -1 to keep nothing.`);
    },
    local_storage: (value, key) => {
      if (reader.boolean(value, key) === false) found.inspectDbSize = -1;
    },
    remote_management: (value, key) => set(found, 'remoteManagement', reader.boolean(value, key)),
    proxy_url: (value, key) => set(found, 'proxyUrl', reader.text(value, key)),
    // Known and without effect here: whoever installed it updates it, and CAs are ours.
    update_check: accepted,
    update_channel: accepted,
    crl_noverify: accepted,
    crl_url: accepted,
    // Leaving these out silently would send traffic another way than its owner decided.
    dns_resolver_ips: notYet,
    connect_interface: notYet,
  };
}

/** Version 2 has the same keys at top level, two of them under older names. */
function version2Fields(reader: YamlReader, found: Writable<AgentConfig>, path: string): Record<string, FieldReader> {
  const { connect_url, connect_cas, ...same } = agentOptionFields(reader, found, path);
  const fields: Record<string, FieldReader> = { ...same, region: () => {} };
  if (connect_url !== undefined) fields.server_addr = connect_url;
  if (connect_cas !== undefined) fields.root_cas = connect_cas;
  return fields;
}

function set<K extends keyof AgentConfig>(
  found: Writable<AgentConfig>,
  key: K,
  value: AgentConfig[K] | undefined,
): void {
  if (value !== undefined) Object.assign(found, { [key]: value });
}

function readDuration(reader: YamlReader, value: Node | null, key: string): number | undefined {
  const text = reader.text(value, key);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === null || ms < 1000 || ms > 3_600_000) {
    reader.problem(value, `${key} is a time from 1s to 1h, as in 10s or 1m30s, not "${text}".`);
    return undefined;
  }
  return ms;
}

function readMetadata(reader: YamlReader, value: Node | null, key: string): string | undefined {
  const text = reader.text(value, key);
  if (text === undefined || Buffer.byteLength(text) <= 4096) return text;
  reader.problem(value, `${key} has at most 4096 bytes.`);
  return undefined;
}

function readCas(text: string | undefined, path: string): ConnectCas | undefined {
  if (text === undefined) return undefined;
  return parseConnectCas(text, (file) => fromFile(path, file));
}

/** `host` and `trusted` are the system's store (we have no CA built in), else a PEM text or the path of one. */
export function parseConnectCas(text: string, toPath: (file: string) => string): ConnectCas {
  if (text === 'host' || text === 'trusted') return { kind: 'host' };
  if (text.includes('-----BEGIN CERTIFICATE-----')) return { kind: 'pem', pem: text };
  return { kind: 'file', path: toPath(text) };
}

function fromFile(configPath: string, file: string): string {
  if (file.startsWith('~/')) return join(homedir(), file.slice(2));
  return isAbsolute(file) ? file : resolve(dirname(configPath), file);
}
