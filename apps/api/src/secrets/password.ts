import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';

const hashesAtOnce = 3;
const waitingMax = 100;
/** argon2id; the enum of the library is a const enum, which type stripping cannot read. */
const ARGON2ID = 2;

/** Too many people sign in at this moment. */
export class PasswordsBusyError extends Error {
  override readonly name = 'PasswordsBusyError';
}

/**
 * argon2id hashes as PHC text, made and checked off the main thread, a few at once: each takes 64 MiB. The cost is
 * given so that tests need not wait; a stored hash names its own.
 */
export class Passwords {
  readonly #options: { readonly memoryKiB: number; readonly passes: number };
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #decoy: Promise<string> | null = null;

  constructor(options: { memoryKiB: number; passes: number }) {
    this.#options = options;
  }

  hash(password: string): Promise<string> {
    return this.#inTurn(() =>
      hash(password, {
        algorithm: ARGON2ID,
        memoryCost: this.#options.memoryKiB,
        timeCost: this.#options.passes,
        parallelism: 1,
      }),
    );
  }

  /** `stored` null (there is no such user): false, after the same time. */
  async verify(password: string, stored: string | null): Promise<boolean> {
    this.#decoy ??= this.hash(randomBytes(16).toString('hex'));
    const against = stored ?? (await this.#decoy);
    const matches = await this.#inTurn(() => verify(against, password));
    return matches && stored !== null;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= hashesAtOnce) {
      if (this.#waiting.length >= waitingMax) throw new PasswordsBusyError('too many passwords to check');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      // The place passes to who waits, so that nobody slips in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/** A password that the system makes: about 131 bits, easy to read out. */
export function randomPassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
  const letters: string[] = [];
  // Bytes above the last whole multiple would favour some letters.
  const limit = 256 - (256 % alphabet.length);
  while (letters.length < 28) {
    for (const byte of randomBytes(32)) {
      if (byte < limit && letters.length < 28) letters.push(alphabet.charAt(byte % alphabet.length));
    }
  }
  return (letters.join('').match(/.{7}/g) ?? []).join('-');
}

/**
 * Null, or why a new password is refused: 12 to 1,024 characters, any characters, and none that is easily guessed.
 */
export async function passwordFault(password: string, email: string): Promise<string | null> {
  const characters = [...password].length;
  if (characters < 12) return 'it is shorter than 12 characters';
  if (characters > 1024) return 'it is longer than 1,024 characters';
  const plain = password.toLowerCase();
  if (new Set(plain).size < 4) return 'it repeats a few characters';
  const [name = ''] = email.toLowerCase().split('@');
  if (plain === email.toLowerCase() || (name.length >= 4 && plain.replace(name, '').length < 8)) {
    return 'it is made of your e-mail address';
  }
  const core = plain.replace(/[^a-z]+$/, '').replace(/[0@]/g, (c) => (c === '0' ? 'o' : 'a'));
  common ??= commonPasswords();
  const known = await common;
  if (isSequence(plain) || known.has(plain) || known.has(core))
    return 'it is on the list of passwords that are tried first';
  return null;
}

function isSequence(text: string): boolean {
  return ['0123456789012345678901234567890', 'abcdefghijklmnopqrstuvwxyz', 'qwertyuiopasdfghjklzxcvbnm'].some(
    (row) => row.includes(text) || [...row].reverse().join('').includes(text),
  );
}

/** Read when the first password is chosen: half a megabyte that no start has to wait for. */
let common: Promise<ReadonlySet<string>> | null = null;

/** What is found most often in leaks, 49,000 of them, and what one would think of first here. */
async function commonPasswords(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set([...dictionary['passwords-common'], ...thoughtOfFirst]);
}

const thoughtOfFirst = (
  'passwordpassword password1234 123123123123 111111111111 qwertyqwerty iloveyouforever letmeinletmein letmeinplease ' +
  'welcomewelcome adminadminadmin administrator changemechangeme passwordpasswordpassword correcthorsebatterystaple ' +
  'trustno1trustno1 monkeymonkey dragondragon footballfootball baseballbaseball sunshinesunshine princessprincess ' +
  'abcabcabcabc abc123abc123 a1b2c3d4e5f6 asdfasdfasdf googlegoogle thisismypassword mypassword mysecretpassword ' +
  'secretpassword supersecret portico porticoportico localhostlocalhost defaultpassword masterpassword ' +
  'testtesttest testpassword'
).split(' ');
