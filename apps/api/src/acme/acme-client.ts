import { createHash } from 'node:crypto';
import { Agent } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';
import { type Database, findAcmeAccount, saveAcmeAccount } from '@portico/db';
import acme from 'acme-client';
import { z } from 'zod';
import type { Seals } from '../secrets/seals.ts';
import type { AcmeConfig, ChallengeKind } from './config.ts';

/** As the API shows it to the domain's owner. */
export type OrderErrorCode =
  | 'DNS_ERROR'
  | 'CHALLENGE_FAILED'
  | 'CAA_ERROR'
  | 'RATE_LIMITED'
  | 'ACCOUNT_ERROR'
  | 'UNREACHABLE'
  | 'INTERNAL_ERROR';

export class OrderError extends Error {
  override readonly name = 'OrderError';
  readonly code: OrderErrorCode;
  readonly retryAfterMs: number;

  constructor(code: OrderErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

export interface OrderRequest {
  readonly domain: string;
  readonly keyType: 'ecdsa' | 'rsa';
  readonly kind: ChallengeKind;
  /**
   * Settles when edges, or our name server, answer with it. `answer` is the key authorization, of dns-01 the text of
   * the record.
   */
  show(challenge: { token: string; answer: string }): Promise<void>;
}

const rsaBits = 4096;
const answerWaitMs = 120_000;

/** Talks to one certificate authority (RFC 8555) under one account, which it makes when there is none. */
export class AcmeClient {
  readonly #config: AcmeConfig;
  readonly #database: Database;
  readonly #seals: Seals;
  readonly #now: () => Date;
  readonly #agent: Agent;
  readonly #closing = new AbortController();
  #client: Promise<acme.Client> | null = null;

  constructor(options: { config: AcmeConfig; database: Database; seals: Seals; now: () => Date }) {
    this.#config = options.config;
    this.#database = options.database;
    this.#seals = options.seals;
    this.#now = options.now;
    const { caPem } = options.config;
    this.#agent = new Agent({ ...(caPem === null ? {} : { ca: [...rootCertificates, caPem] }), keepAlive: true });
    // The library has one HTTP client for all; the operator's one authority is all it is used for.
    acme.axios.defaults.httpsAgent = this.#agent;
    acme.axios.defaults.proxy = false;
    acme.axios.defaults.timeout = 30_000;
    acme.axios.defaults.signal = this.#closing.signal;
    acme.axios.defaults.maxContentLength = 1024 * 1024;
  }

  /** Ends what is under way. */
  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
  }

  /** A new key and a certificate for it. Throws OrderError. */
  async order({ domain, keyType, kind, show }: OrderRequest): Promise<{ chainPem: string; privateKeyPem: string }> {
    try {
      this.#client ??= this.#open().catch((error: unknown) => {
        this.#client = null;
        throw error;
      });
      const client = await this.#client;
      const order = await client.createOrder({ identifiers: [{ type: 'dns', value: domain }] });
      for (const authorization of await client.getAuthorizations(order)) {
        if (authorization.status === 'valid') continue;
        const challenge = authorization.challenges.find(({ type }) => type === kind);
        if (challenge === undefined) {
          throw new OrderError('CHALLENGE_FAILED', `the certificate authority does not offer ${kind} for ${domain}`);
        }
        await show({ token: challenge.token, answer: await answerOf(client, challenge, kind) });
        await client.completeChallenge(challenge);
        await this.#until(async () => isProven(await this.#authorizationOf(client, order, authorization.url), kind));
      }
      const key =
        keyType === 'rsa' ? await acme.crypto.createPrivateRsaKey(rsaBits) : await acme.crypto.createPrivateEcdsaKey();
      const [privateKey, csr] = await acme.crypto.createCsr({ altNames: [domain] }, key);
      let made = await client.finalizeOrder(order, csr);
      // By hand, because the library's own waiting cannot be ended.
      await this.#until(async () => {
        if (made.status !== 'valid') made = await client.getOrder(made);
        if (made.status === 'invalid') throw problemOf(made.error, 'the order became invalid');
        return made.status === 'valid';
      });
      const chainPem = await client.getCertificate(made);
      return { chainPem, privateKeyPem: privateKey.toString() };
    } catch (error) {
      throw error instanceof OrderError ? error : orderError(error);
    }
  }

  async #authorizationOf(client: acme.Client, order: acme.Order, url: string): Promise<acme.Authorization> {
    const found = (await client.getAuthorizations(order)).find((authorization) => authorization.url === url);
    if (found === undefined) throw new OrderError('INTERNAL_ERROR', 'the certificate authority lost an authorization');
    return found;
  }

  async #until(isDone: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + answerWaitMs;
    for (let waitMs = 100; !(await isDone()); waitMs = Math.min(waitMs * 2, 2_000)) {
      if (performance.now() > endMs) {
        throw new OrderError('UNREACHABLE', 'the certificate authority did not come to an end in time');
      }
      await pause(waitMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
      if (this.#closing.signal.aborted) throw new OrderError('UNREACHABLE', 'the server is closing');
    }
  }

  async #open(): Promise<acme.Client> {
    const { directoryUrl, email, externalAccount } = this.#config;
    const { queries } = this.#database;
    const kept = await findAcmeAccount(queries, directoryUrl);
    const accountKey =
      kept === null
        ? (await acme.crypto.createPrivateEcdsaKey()).toString()
        : this.#seals.open('acme_account', directoryUrl, kept.sealedKey);
    const client = new acme.Client({
      directoryUrl,
      accountKey,
      backoffAttempts: 12,
      backoffMin: 250,
      backoffMax: 5_000,
      ...(kept?.accountUrl ? { accountUrl: kept.accountUrl } : {}),
      ...(externalAccount === null ? {} : { externalAccountBinding: { ...externalAccount } }),
    });
    if (kept !== null) return client;
    await client.createAccount({
      termsOfServiceAgreed: true,
      ...(email === null ? {} : { contact: [`mailto:${email}`] }),
    });
    const sealedKey = this.#seals.seal('acme_account', directoryUrl, accountKey);
    const accountUrl = client.getAccountUrl();
    await saveAcmeAccount(queries, { directoryUrl, sealedKey, accountUrl, createdAt: this.#now() });
    return client;
  }
}

/** RFC 8555 sections 8.3 and 8.4, RFC 8737 section 3. */
async function answerOf(
  client: acme.Client,
  challenge: Parameters<acme.Client['getChallengeKeyAuthorization']>[0],
  kind: ChallengeKind,
): Promise<string> {
  const given = await client.getChallengeKeyAuthorization(challenge);
  // For dns-01 the library gives the digest already; for tls-alpn-01 the digest is made where it is used.
  if (kind !== 'dns-01') return given;
  return given.includes('.') ? createHash('sha256').update(given).digest('base64url') : given;
}

/** Throws what the authority says when the name is not proven. */
function isProven(authorization: acme.Authorization, kind: ChallengeKind): boolean {
  if (authorization.status === 'valid') return true;
  if (authorization.status === 'pending') return false;
  const challenge = authorization.challenges.find(({ type }) => type === kind);
  throw problemOf(challenge?.error, `the certificate authority did not accept ${kind}`);
}

const problem = z.object({ type: z.string().catch(''), detail: z.string().catch('') });

const problemCodes: readonly (readonly [string, OrderErrorCode])[] = [
  ['dns', 'DNS_ERROR'],
  ['caa', 'CAA_ERROR'],
  ['rateLimited', 'RATE_LIMITED'],
];

/** RFC 8555 section 6.7. */
function problemOf(given: unknown, otherwise: string): OrderError {
  const parsed = problem.safeParse(given);
  const { type, detail } = parsed.success ? parsed.data : { type: '', detail: '' };
  const code = problemCodes.find(([name]) => type.endsWith(`:${name}`))?.[1] ?? 'CHALLENGE_FAILED';
  return new OrderError(code, (detail === '' ? otherwise : detail).replace(/\s+/g, ' ').slice(0, 600));
}

/** What the library throws: problem documents as text, and what goes wrong on the way. */
function orderError(error: unknown): OrderError {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = message.replace(/\s+/g, ' ').slice(0, 600);
  if (/^(E[A-Z]+|ERR_|UNABLE_|SELF_|DEPTH_|CERT_)/.test(code) || /timeout of \d+ms/.test(message)) {
    return new OrderError('UNREACHABLE', `the certificate authority cannot be reached (${code || text})`, {
      cause: error,
    });
  }
  if (/rateLimited|too many/i.test(message)) {
    return new OrderError('RATE_LIMITED', text, { cause: error, retryAfterMs: 3_600_000 });
  }
  if (/caa/i.test(message)) return new OrderError('CAA_ERROR', text, { cause: error });
  if (/accountDoesNotExist|externalAccount|terms of service/i.test(message)) {
    return new OrderError('ACCOUNT_ERROR', text, { cause: error });
  }
  if (/dns|NXDOMAIN|lookup|resolv/i.test(message)) return new OrderError('DNS_ERROR', text, { cause: error });
  return new OrderError('CHALLENGE_FAILED', text, { cause: error });
}
