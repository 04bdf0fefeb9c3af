/** `ready.json`: written when, and only when, everything serves; removed on exit. Scripts and tests read it. */
export interface ReadyFile {
  readonly pid: number;
  readonly baseDomain: string;
  readonly http: { readonly port: number };
  readonly https: { readonly port: number };
  readonly connect: { readonly host: string; readonly port: number };
  readonly api: { readonly url: string };
  readonly dashboard: { readonly url: string };
  /** The root certificate, PEM. */
  readonly caFile: string;
  readonly agentConfigFile: string;
  readonly account: { readonly email: string; readonly password: string | null };
  readonly authtoken: string;
  readonly apiKey: string;
  readonly pids: {
    /** Null with one's own `DATABASE_URL`. */
    readonly postgres: number | null;
    readonly api: number | null;
    readonly edge: number | null;
    readonly dashboard: number | null;
    readonly agent: number | null;
  };
}

/** The secrets of the first account, as the API writes them into the data directory. */
export interface FirstAccount {
  readonly email: string;
  readonly password: string | null;
  readonly authtoken: string;
  readonly apiKey: string;
}

/** @throws Error when the file does not have this shape. */
export function parseFirstAccount(text: string): FirstAccount {
  const parsed: unknown = JSON.parse(text);
  const field = (name: string): unknown =>
    typeof parsed === 'object' && parsed !== null ? Object.getOwnPropertyDescriptor(parsed, name)?.value : undefined;
  const required = (name: string): string => {
    const value = field(name);
    if (typeof value !== 'string') throw new Error(`first-account.json has no ${name}`);
    return value;
  };
  const password = field('password');
  return {
    email: required('email'),
    password: typeof password === 'string' ? password : null,
    authtoken: required('authtoken'),
    apiKey: required('apiKey'),
  };
}
