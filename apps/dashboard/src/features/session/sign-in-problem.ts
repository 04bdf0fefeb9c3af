/** Why nobody was signed in. `untilMs` is when the next try is allowed, on `performance.now()`'s clock. */
export type SignInProblem =
  | { readonly kind: 'wrong' }
  | { readonly kind: 'throttled'; readonly untilMs: number | null }
  | { readonly kind: 'no-contact' }
  | { readonly kind: 'offline' }
  | { readonly kind: 'other-site' }
  | { readonly kind: 'code' }
  | { readonly kind: 'too-late' }
  /** What an identity provider, or the API about it, had to say. */
  | { readonly kind: 'provider'; readonly code: string };

export function problemText(problem: SignInProblem, nowMs: number): string {
  switch (problem.kind) {
    case 'wrong':
      return 'No account has this e-mail and password together.';
    case 'throttled': {
      if (problem.untilMs === null) return 'Too many tries from here. Sign-in opens again within a few minutes.';
      const seconds = Math.ceil((problem.untilMs - nowMs) / 1000);
      if (seconds <= 0) return 'Too many tries from here. You can try again now.';
      return `Too many tries from here. Sign-in opens again in ${seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`}.`;
    }
    case 'no-contact':
      return 'The API does not answer, so nobody can sign in right now. Tunnels keep working. Try again in a few seconds.';
    case 'offline':
      return 'Your browser is offline.';
    case 'other-site':
      return 'The browser says this form came from another site. Open this page directly and try again.';
    case 'code':
      return 'This code is not right, or was used already.';
    case 'too-late':
      return 'That took too long, or was begun in another browser. Sign in again.';
    case 'provider':
      return providerText(problem.code);
  }
}

function providerText(code: string): string {
  switch (code) {
    case '4011':
      return 'Nobody here has your address. Ask an administrator to invite it.';
    case '409':
      return 'The user with your address has not confirmed it. Sign in with the password, and confirm the address in your settings.';
    default:
      return 'The identity provider did not sign you in. Try again, or sign in another way.';
  }
}

/** From the address of the page, where a form without script leaves it. */
export function problemOf(text: string | undefined): SignInProblem | null {
  switch (text) {
    case 'wrong':
    case 'no-contact':
    case 'other-site':
      return { kind: text };
    case 'throttled':
      return { kind: 'throttled', untilMs: null };
    case 'code':
    case 'too-late':
      return { kind: text };
    case 'provider-4011':
    case 'provider-409':
    case 'provider-4015':
      return { kind: 'provider', code: text.slice(9) };
    default:
      return null;
  }
}

export function emailFault(email: string): string | null {
  if (email.trim() === '') return 'Enter the e-mail of your user.';
  if (!/^[^\s@]+@[^\s@]+$/.test(email.trim()))
    return `“${email.trim()}” is not an e-mail address. It has the form name@host.`;
  return null;
}

export function passwordFault(password: string): string | null {
  return password === '' ? 'Enter your password.' : null;
}
