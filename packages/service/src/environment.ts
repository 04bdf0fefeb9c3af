import { isIP } from 'node:net';

/**
 * A setting that cannot be used: names the variable, its value and what is accepted. Stops the start of a
 * process with exit code 1 and this message.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly variable: string;
  readonly value: string;
  readonly accepted: string;

  constructor(variable: string, value: string, accepted: string) {
    super(`${variable} is ${JSON.stringify(value)}; accepted: ${accepted}`);
    this.variable = variable;
    this.value = value;
    this.accepted = accepted;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** An empty variable counts as not set, as shells and compose files leave them. */
export function readText(env: Environment, variable: string, fallback: string): string {
  const value = env[variable];
  return value === undefined || value === '' ? fallback : value;
}

export function readOptional(env: Environment, variable: string): string | null {
  const value = env[variable];
  return value === undefined || value === '' ? null : value;
}

/** An IP address of this machine, or the one that means all of them. */
export function readAddress(env: Environment, variable: string, fallback: string): string {
  const text = readText(env, variable, fallback);
  if (isIP(text) === 0) throw new ConfigError(variable, text, 'an IP address such as 127.0.0.1, or 0.0.0.0 for all');
  return text;
}

export interface PortRange {
  /** Inclusive both. */
  readonly first: number;
  readonly last: number;
}

/** `20000-20999`; null for `0`, any free port each. */
export function readPortRange(env: Environment, variable: string, fallback: PortRange): PortRange | null {
  const text = readOptional(env, variable);
  if (text === null) return fallback;
  if (text === '0') return null;
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (match === null || first < 1 || last > 65_535 || first > last) {
    throw new ConfigError(variable, text, 'a range such as 20000-20999, or 0 for any free port each');
  }
  return { first, last };
}

/** A TCP port; 0 means any free one. */
export function readPort(env: Environment, variable: string, fallback: number): number {
  return readInteger(env, variable, fallback, {
    min: 0,
    max: 65_535,
    what: 'a port from 1 to 65535, or 0 for any free one',
  });
}

export function readInteger(
  env: Environment,
  variable: string,
  fallback: number,
  { min, max, what }: { min: number; max: number; what?: string },
): number {
  const text = readOptional(env, variable);
  if (text === null) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new ConfigError(variable, text, what ?? `a whole number from ${min} to ${max}`);
  }
  return value;
}

export function readBoolean(env: Environment, variable: string, fallback: boolean): boolean {
  const text = readOptional(env, variable);
  if (text === null) return fallback;
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new ConfigError(variable, text, 'true, 1, false or 0');
}

export function readChoice<T extends string>(
  env: Environment,
  variable: string,
  fallback: T,
  choices: readonly T[],
): T {
  const text = readOptional(env, variable);
  if (text === null) return fallback;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) throw new ConfigError(variable, text, choices.join(', '));
  return choice;
}

/** A host name as DNS has it: lower-cased, no trailing dot; refuses addresses, schemes and ports. */
export function readHostName(env: Environment, variable: string, fallback: string): string {
  const text = readText(env, variable, fallback);
  const host = text.toLowerCase();
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
  if (host.length > 253 || !new RegExp(`^${label}(\\.${label})*$`).test(host) || /^[\d.]+$/.test(host)) {
    throw new ConfigError(variable, text, 'a host name such as tunnel.example.com, without scheme or port');
  }
  return host;
}
