import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createApiKey,
  createCredential,
  createInstallation,
  createNodeCredential,
  createReservedDomain,
  findApiKeyOfToken,
  findCredentialOfToken,
  findInstallation,
  findNodeCredential,
  findReservations,
  type InstallationRow,
  lockInstallation,
  type NodeKind,
  type Queries,
  setPassword,
} from '@portico/db';
import { newId } from '@portico/service';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import { type Passwords, randomPassword } from '../secrets/password.ts';
import { makeToken, parseToken, type TokenHasher, tokenPrefix } from '../secrets/token.ts';

/** What `first-account.json` holds. The password is gone from it once its owner has changed it. */
export const firstAccountFile = z.object({
  email: z.string(),
  password: z.string().optional(),
  authtoken: z.string(),
  apiKey: z.string(),
  accountId: z.string(),
});
export type FirstAccount = z.infer<typeof firstAccountFile>;

export const nodeCredentialFile = (kind: NodeKind): string => `node-${kind}.credential`;

/**
 * Makes sure that there is a first account that somebody can use, and writes what they need into the folder, each
 * file readable by its owner only: `first-account.json`, `node-edge.credential`, `node-dashboard.credential`,
 * `ca.pem`. What stands there and still works stays; new secrets replace those that were revoked or lost.
 * Processes that start at once take turns.
 *
 * Without a folder only the account is made, with a password that nobody knows.
 */
export async function bootstrap(
  context: Pick<ApiContext, 'config' | 'database' | 'hasher' | 'keys' | 'now'> & { readonly passwords: Passwords },
): Promise<void> {
  const { bootstrapDir: folder } = context.config;
  if (folder !== null) await mkdir(folder, { recursive: true, mode: 0o700 });
  await context.database.transaction(async (tx) => {
    await lockInstallation(tx);
    const found = await findInstallation(tx);
    const password = randomPassword();
    const installation = found ?? (await makeInstallation(tx, context, await context.passwords.hash(password)));
    if (folder === null) return;
    const account = await firstAccount(tx, context, installation, await readFirstAccount(folder), {
      password,
      isNew: found === null,
    });
    const edge = await nodeCredential(tx, context, folder, 'edge');
    const dashboard = await nodeCredential(tx, context, folder, 'dashboard');
    // Before the lock is given back: who comes next must find these. Should the transaction fail after all, what the
    // files hold is unknown to the next start, which replaces it.
    await writeSecret(join(folder, 'first-account.json'), `${JSON.stringify(account, null, 2)}\n`);
    await writeSecret(join(folder, nodeCredentialFile('edge')), `${edge}\n`);
    await writeSecret(join(folder, nodeCredentialFile('dashboard')), `${dashboard}\n`);
    const { root } = context.keys;
    if (root !== null) await writeSecret(join(folder, 'ca.pem'), root.certificatePem);
  });
}

/** After its owner chose a password: the one in the file is good for nothing any more. */
export async function forgetFirstPassword(folder: string, email: string): Promise<void> {
  const account = await readFirstAccount(folder);
  if (account?.email !== email || account.password === undefined) return;
  const { password: _, ...rest } = account;
  await writeSecret(join(folder, 'first-account.json'), `${JSON.stringify(rest, null, 2)}\n`);
}

/** Null when there is none, or none that can be read. */
export async function readNodeCredential(folder: string, kind: NodeKind): Promise<string | null> {
  const text = await readOrNull(join(folder, nodeCredentialFile(kind)));
  return text === null || parseToken(text.trim())?.kind !== 'node' ? null : text.trim();
}

async function makeInstallation(
  tx: Queries,
  { config, now }: Pick<ApiContext, 'config' | 'now'>,
  passwordHash: string,
): Promise<InstallationRow> {
  const at = now();
  const installation = await createInstallation(tx, {
    account: { id: newId('ac'), name: 'Portico' },
    user: { id: newId('usr'), email: `owner@${config.baseDomain}`, name: 'Owner', passwordHash },
    membershipId: newId('mb'),
    now: at,
  });
  // The built-in welcome page lives there.
  const domain = `welcome.${config.baseDomain}`;
  if ((await findReservations(tx, [domain])).length === 0) {
    await createReservedDomain(tx, installation.account.id, {
      id: newId('rd'),
      domain,
      description: 'The welcome page',
      metadata: '',
      createdAt: at,
    });
  }
  return installation;
}

async function firstAccount(
  tx: Queries,
  { hasher, now, passwords }: Pick<ApiContext, 'hasher' | 'now'> & { readonly passwords: Passwords },
  { account, user }: InstallationRow,
  before: FirstAccount | null,
  made: { password: string; isNew: boolean },
): Promise<FirstAccount> {
  const stored = before?.accountId === account.id ? before : null;
  let password: string | undefined;
  if (user.passwordChangedAt === null) {
    password = stored?.password ?? made.password;
    // The file was lost and its owner never chose another: a new one, else nobody could ever sign in.
    if (stored?.password === undefined && !made.isNew) {
      await setPassword(tx, user.id, await passwords.hash(made.password), null);
    }
  }
  return {
    email: user.email,
    ...(password === undefined ? {} : { password }),
    authtoken:
      (await usableToken(tx, hasher, stored?.authtoken)) ??
      (await newAuthtoken(tx, hasher, account.id, user.id, now())),
    apiKey:
      (await usableApiKey(tx, hasher, stored?.apiKey)) ?? (await newApiKey(tx, hasher, account.id, user.id, now())),
    accountId: account.id,
  };
}

async function usableToken(tx: Queries, hasher: TokenHasher, token: string | undefined): Promise<string | null> {
  const parsed = token === undefined ? null : parseToken(token);
  if (token === undefined || parsed?.kind !== 'authtoken') return null;
  const row = await findCredentialOfToken(tx, parsed.id);
  return row !== null && row.revokedAt === null && hasher.matches(token, row.tokenHash) ? token : null;
}

async function usableApiKey(tx: Queries, hasher: TokenHasher, key: string | undefined): Promise<string | null> {
  const parsed = key === undefined ? null : parseToken(key);
  if (key === undefined || parsed?.kind !== 'api-key') return null;
  const row = await findApiKeyOfToken(tx, parsed.id);
  return row !== null && row.revokedAt === null && hasher.matches(key, row.keyHash) ? key : null;
}

async function newAuthtoken(
  tx: Queries,
  hasher: TokenHasher,
  accountId: string,
  ownerId: string,
  createdAt: Date,
): Promise<string> {
  const id = newId('cr');
  const token = makeToken('authtoken', id);
  await createCredential(tx, accountId, {
    id,
    ownerId,
    description: 'Made at the first start',
    metadata: '',
    acl: [],
    tokenHash: hasher.hash(token),
    tokenDigest: digestOf(token),
    tokenPrefix: tokenPrefix(token),
    createdAt,
  });
  return token;
}

async function newApiKey(
  tx: Queries,
  hasher: TokenHasher,
  accountId: string,
  ownerId: string,
  createdAt: Date,
): Promise<string> {
  const id = newId('ak');
  const key = makeToken('api-key', id);
  await createApiKey(tx, accountId, {
    id,
    ownerId,
    description: 'Made at the first start',
    metadata: '',
    keyHash: hasher.hash(key),
    keyPrefix: tokenPrefix(key),
    createdAt,
  });
  return key;
}

async function nodeCredential(
  tx: Queries,
  { hasher, now }: Pick<ApiContext, 'hasher' | 'now'>,
  folder: string,
  kind: NodeKind,
): Promise<string> {
  const stored = await readNodeCredential(folder, kind);
  const parsed = stored === null ? null : parseToken(stored);
  if (stored !== null && parsed !== null) {
    const row = await findNodeCredential(tx, parsed.id);
    if (row?.kind === kind && row.revokedAt === null && hasher.matches(stored, row.hash)) return stored;
  }
  const id = newId('nd');
  const credential = makeToken('node', id);
  await createNodeCredential(tx, { id, kind, hash: hasher.hash(credential), createdAt: now() });
  return credential;
}

/** SHA-256: the name under which edges keep the token's grant. */
export function digestOf(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest());
}

async function readFirstAccount(folder: string): Promise<FirstAccount | null> {
  const text = await readOrNull(join(folder, 'first-account.json'));
  if (text === null) return null;
  try {
    return firstAccountFile.parse(JSON.parse(text));
  } catch {
    // Half written or edited by hand: what it held is made anew.
    return null;
  }
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Whole or not at all, never readable by others, and left alone when it holds this text already. */
async function writeSecret(file: string, text: string): Promise<void> {
  if ((await readOrNull(file)) === text) return;
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(aside, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
