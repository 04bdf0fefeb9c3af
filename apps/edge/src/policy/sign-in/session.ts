/** A person who signed in, as the cookie of their browser holds it. Times are milliseconds since 1970. */
export interface Session {
  readonly v: 1;
  /** Which application at which provider it is of: a policy with another one does not accept it. */
  readonly app: string;
  readonly id: string;
  readonly subject: string;
  readonly email: string;
  readonly name: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
  /** When the access token expires; 0: not said. */
  readonly accessExpiresMs: number;
  readonly signedInMs: number;
  readonly seenMs: number;
  /** When the provider was last asked about this person. */
  readonly checkedMs: number;
}

export interface SessionRules {
  readonly maxMs: number;
  readonly idleMs: number;
}

export type SessionState = 'good' | 'timed-out' | 'max-duration-reached';

export function stateOf(session: Session, { maxMs, idleMs }: SessionRules, nowMs: number): SessionState {
  if (nowMs >= session.signedInMs + maxMs) return 'max-duration-reached';
  return nowMs >= session.seenMs + idleMs ? 'timed-out' : 'good';
}

/** When it ends if nothing happens. */
export function endsAtMs(session: Session, { maxMs, idleMs }: SessionRules): number {
  return Math.min(session.signedInMs + maxMs, session.seenMs + idleMs);
}

/** Whether the cookie is to be written anew: not for every request, or a page would set it a hundred times. */
export function wantsTouch(session: Session, { idleMs }: SessionRules, nowMs: number): boolean {
  return nowMs - session.seenMs >= Math.min(idleMs / 10, 60_000);
}

/** What came out of a cookie, checked once more: an older edge may have written it. */
export function parseSession(value: unknown): Session | null {
  if (typeof value !== 'object' || value === null) return null;
  const read = (name: string): unknown => Object.getOwnPropertyDescriptor(value, name)?.value;
  const text = (name: string): string => {
    const found = read(name);
    return typeof found === 'string' ? found : '';
  };
  const number = (name: string): number => {
    const found = read(name);
    return typeof found === 'number' && Number.isFinite(found) ? found : 0;
  };
  if (read('v') !== 1 || text('app') === '' || text('id') === '' || text('subject') === '') return null;
  return {
    v: 1,
    app: text('app'),
    id: text('id'),
    subject: text('subject'),
    email: text('email'),
    name: text('name'),
    accessToken: text('accessToken'),
    refreshToken: text('refreshToken'),
    idToken: text('idToken'),
    accessExpiresMs: number('accessExpiresMs'),
    signedInMs: number('signedInMs'),
    seenMs: number('seenMs'),
    checkedMs: number('checkedMs'),
  };
}
