import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InternalClient } from '@portico/api-contract/internal';
import { createAccount, createApiKey, createCredential, type Database, openDatabase } from '@portico/db';
import { createMigratedDatabase } from '@portico/db/testing';
import { loadOrCreateMasterKey } from '@portico/pki';
import type { TestDatabase } from '@portico/postgres';
import { RemoteRegistry } from '@portico/registry';
import { createLogger, newId } from '@portico/service';
import { type ApiOverrides, type RunningApi, startApi } from '../api.ts';
import { digestOf, type FirstAccount, firstAccountFile } from '../bootstrap/bootstrap.ts';
import { type ApiConfig, type ApiLimits, defaultLimits } from '../config.ts';
import { makeToken, TokenHasher, tokenPrefix } from '../secrets/token.ts';

export interface TestAccount {
  readonly accountId: string;
  readonly credentialId: string;
  readonly authtoken: string;
  readonly apiKey: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed, if it is JSON. */
  readonly body: Record<string, unknown>;
}

/** A real API on a database of its own; `now` stands still until it is moved. */
export class TestApi {
  readonly config: ApiConfig;
  readonly folder: string;
  readonly database: Database;
  readonly first: FirstAccount;
  readonly edgeCredential: string;
  readonly dashboardCredential: string;
  readonly edge: InternalClient;
  readonly #testDatabase: TestDatabase;
  readonly #hasher: TokenHasher;
  readonly #clock: { now: Date };
  readonly #registries: RemoteRegistry[] = [];
  readonly #overrides: ApiOverrides;
  #api: RunningApi;

  static async start(
    options: {
      limits?: Partial<ApiLimits>;
      config?: Partial<ApiConfig>;
      databaseUrl?: (url: string) => string;
      outgoing?: ApiOverrides['outgoing'];
    } = {},
  ): Promise<TestApi> {
    const testDatabase = await createMigratedDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'portico-api-'));
    const config = testConfig(folder, testDatabase.url, options);
    const clock = { now: new Date() };
    const started = { ...config, databaseUrl: options.databaseUrl?.(testDatabase.url) ?? testDatabase.url };
    const overrides = { log: silent, ...(options.outgoing === undefined ? {} : { outgoing: options.outgoing }) };
    const api = await startApi(started, { ...overrides, now: () => clock.now });
    const test = new TestApi(started, folder, testDatabase, clock, api, overrides, {
      first: firstAccountFile.parse(JSON.parse(await readFile(join(folder, 'first-account.json'), 'utf8'))),
      edge: (await readFile(join(folder, 'node-edge.credential'), 'utf8')).trim(),
      dashboard: (await readFile(join(folder, 'node-dashboard.credential'), 'utf8')).trim(),
      masterKey: await loadOrCreateMasterKey(config.masterKeyFile),
    });
    return test;
  }

  private constructor(
    config: ApiConfig,
    folder: string,
    testDatabase: TestDatabase,
    clock: { now: Date },
    api: RunningApi,
    overrides: ApiOverrides,
    secrets: { first: FirstAccount; edge: string; dashboard: string; masterKey: Uint8Array },
  ) {
    this.config = config;
    this.folder = folder;
    this.#testDatabase = testDatabase;
    this.#clock = clock;
    this.#api = api;
    this.#overrides = overrides;
    this.database = openDatabase({ url: testDatabase.url, poolSize: 3 });
    this.#hasher = new TokenHasher(secrets.masterKey);
    this.first = secrets.first;
    this.edgeCredential = secrets.edge;
    this.dashboardCredential = secrets.dashboard;
    this.edge = new InternalClient({ baseUrl: api.internalUrl, credential: secrets.edge, deadlineMs: 10_000 });
  }

  get api(): RunningApi {
    return this.#api;
  }

  get databaseUrl(): string {
    return this.#testDatabase.url;
  }

  now(): Date {
    return this.#clock.now;
  }

  advance(ms: number): void {
    this.#clock.now = new Date(this.#clock.now.getTime() + ms);
  }

  /** Stops the API and starts it again on the same ports, database and folder. */
  async restart(): Promise<void> {
    const { publicPort, internalPort } = this.#api;
    await this.#api.close();
    this.#api = await startApi(
      { ...this.config, publicPort, internalPort },
      { ...this.#overrides, now: () => this.#clock.now },
    );
  }

  /** The registry as an edge sees it. */
  registry(): RemoteRegistry {
    const registry = new RemoteRegistry({ baseUrl: this.#api.internalUrl, credential: this.edgeCredential });
    this.#registries.push(registry);
    return registry;
  }

  async newAccount(options: { acl?: string[] } = {}): Promise<TestAccount> {
    const accountId = newId('ac', this.now().getTime());
    const credentialId = newId('cr', this.now().getTime());
    const keyId = newId('ak', this.now().getTime());
    const authtoken = makeToken('authtoken', credentialId);
    const apiKey = makeToken('api-key', keyId);
    const common = { ownerId: null, description: '', metadata: '', createdAt: this.now() };
    await createAccount(this.database.queries, { id: accountId, name: 'Another', createdAt: this.now() });
    await createCredential(this.database.queries, accountId, {
      ...common,
      id: credentialId,
      acl: options.acl ?? [],
      tokenHash: this.#hasher.hash(authtoken),
      tokenDigest: digestOf(authtoken),
      tokenPrefix: tokenPrefix(authtoken),
    });
    await createApiKey(this.database.queries, accountId, {
      ...common,
      id: keyId,
      keyHash: this.#hasher.hash(apiKey),
      keyPrefix: tokenPrefix(apiKey),
    });
    return { accountId, credentialId, authtoken, apiKey };
  }

  /** A call of the public API, as the first account unless another key is given. */
  call(
    method: string,
    path: string,
    options: { key?: string | null; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { key = this.first.apiKey } = options;
    return send(
      `${this.#api.publicUrl}${path}`,
      method,
      {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      options.body,
    );
  }

  /** A call of the internal listener as the dashboard makes it for a browser at http://localhost:4020. */
  browse(
    method: string,
    path: string,
    options: { cookie?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    return send(
      `${this.#api.internalUrl}${path}`,
      method,
      {
        authorization: `Bearer ${this.dashboardCredential}`,
        origin: 'http://localhost:4020',
        'x-forwarded-host': 'localhost:4020',
        'x-forwarded-proto': 'http',
        'x-forwarded-for': '198.51.100.7',
        ...(options.cookie === undefined ? {} : { cookie: options.cookie }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      options.body,
    );
  }

  async close(): Promise<void> {
    for (const registry of this.#registries) await registry.close();
    this.edge.close();
    await this.#api.close();
    await this.database.close();
    await this.#testDatabase.drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export const silent = createLogger({ name: 'test', level: 'silent' });

export function testConfig(
  folder: string,
  databaseUrl: string,
  options: { limits?: Partial<ApiLimits>; config?: Partial<ApiConfig> } = {},
): ApiConfig {
  return {
    version: '0.0.0',
    databaseUrl,
    masterKeyFile: join(folder, 'master.key'),
    bootstrapDir: folder,
    baseDomain: 'portico.localhost',
    publicPort: 0,
    internalPort: 0,
    publicOrigin: null,
    connectAddress: 'localhost:4443',
    certificateNames: { dns: [], ips: [] },
    tcp: { host: 'localhost', range: { first: 20_000, last: 20_999 } },
    outgoingAllow: [],
    eventFilesDir: join(folder, 'events'),
    signUp: 'invited',
    mail: { kind: 'mailbox' },
    oidc: [],
    dashboardOrigin: 'http://localhost:4020',
    dnsServers: [],
    acme: null,
    logLevel: 'silent',
    ...options.config,
    // The cost of a password is not what these tests are about.
    limits: { ...defaultLimits, passwordHash: { memoryKiB: 64, passes: 1 }, ...options.limits },
  };
}

async function send(url: string, method: string, headers: Record<string, string>, body: unknown): Promise<Answer> {
  const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method, headers, body: text, redirect: 'manual' });
  const answer = await response.text();
  return { status: response.status, headers: response.headers, text: answer, body: parsed(answer) };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
