import { randomInt } from 'node:crypto';
import {
  countRecoveryCodes,
  type Queries,
  replaceRecoveryCodes,
  setTotp,
  type UserRow,
  useRecoveryCode,
  useTotpStep,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { ApiContext } from '../context.ts';
import { newTotpSecret, totpStepOf, totpUri } from './totp.ts';

const codesMade = 10;
/** No letter that is read as another, none with an accent: 60 bits in twelve. */
const letters = '23456789abcdefghjkmnpqrstuvwxyz';

/** One-time codes of an app, and the recovery codes for when the app is lost. */
export class SecondFactors {
  readonly #context: Pick<ApiContext, 'database' | 'hasher' | 'now' | 'seals'>;

  constructor(context: Pick<ApiContext, 'database' | 'hasher' | 'now' | 'seals'>) {
    this.#context = context;
  }

  /** A secret that counts once a code of it was shown. What is set up already stays until then. */
  async begin(user: UserRow): Promise<{ secret: string; uri: string }> {
    if (user.totpSince !== null) throw new PorticoError(409, { reason: 'One-time codes are set up already' });
    const { database, seals } = this.#context;
    const secret = newTotpSecret();
    const sealedTotp = seals.seal('user', user.id, secret);
    await setTotp(database.queries, user.id, { sealedTotp, totpSince: null, totpStep: null });
    return { secret, uri: totpUri({ secret, email: user.email, issuer: 'Portico' }) };
  }

  /** 4007 when the code is not of the new secret. The result is the recovery codes, shown once. */
  async finish(tx: Queries, user: UserRow, code: string): Promise<string[]> {
    const { now } = this.#context;
    const step = user.sealedTotp === null ? null : totpStepOf(this.#secretOf(user), tidy(code), now());
    if (user.sealedTotp === null || user.totpSince !== null || step === null) throw new PorticoError(4007);
    await setTotp(tx, user.id, { sealedTotp: user.sealedTotp, totpSince: now(), totpStep: step });
    return this.renewRecoveryCodes(tx, user);
  }

  /** Ten new ones; those of before are worth nothing. */
  async renewRecoveryCodes(tx: Queries, user: UserRow): Promise<string[]> {
    const codes = Array.from({ length: codesMade }, newRecoveryCode);
    const hashes = codes.map((code) => this.#hash(user, code));
    await replaceRecoveryCodes(tx, user.id, hashes, this.#context.now());
    return codes;
  }

  async turnOff(tx: Queries, user: UserRow): Promise<void> {
    await setTotp(tx, user.id, { sealedTotp: null, totpSince: null, totpStep: null });
    await replaceRecoveryCodes(tx, user.id, [], this.#context.now());
  }

  /** Uses up the code of an app, or a recovery code. Null when it is neither, or was used before. */
  async check(user: UserRow, text: string): Promise<'code' | 'recovery-code' | null> {
    const { database, now } = this.#context;
    if (user.totpSince === null) return null;
    const code = tidy(text);
    const step = totpStepOf(this.#secretOf(user), code, now());
    if (step !== null) return (await useTotpStep(database.queries, user.id, step)) ? 'code' : null;
    const hash = this.#hash(user, code);
    return (await useRecoveryCode(database.queries, user.id, hash, now())) ? 'recovery-code' : null;
  }

  recoveryCodesLeft(userId: string): Promise<number> {
    return countRecoveryCodes(this.#context.database.queries, userId);
  }

  #secretOf(user: UserRow): string {
    return this.#context.seals.open('user', user.id, user.sealedTotp ?? '');
  }

  #hash(user: UserRow, code: string): Uint8Array<ArrayBuffer> {
    return this.#context.hasher.hash(`recovery ${user.id} ${tidy(code)}`);
  }
}

function newRecoveryCode(): string {
  const text = Array.from({ length: 12 }, () => letters.charAt(randomInt(letters.length))).join('');
  return (text.match(/.{4}/g) ?? []).join('-');
}

/** As people type it: with spaces or dashes, in capitals. */
function tidy(code: string): string {
  return code.replace(/[\s-]/g, '').toLowerCase();
}
