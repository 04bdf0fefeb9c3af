import { z } from 'zod';
import type { Answer, TestApi } from './test-api.ts';

const signedIn = z.object({
  csrfToken: z.string(),
  user: z.object({ id: z.string() }),
  accounts: z.array(z.object({ id: z.string() })),
});

/** A browser at the dashboard: keeps its cookies, and sends the token of its session with each change. */
export class TestBrowser {
  readonly #api: TestApi;
  readonly #fields: Readonly<Record<string, string>>;
  readonly #cookies = new Map<string, string>();
  csrf = '';
  accountId = '';
  userId = '';

  constructor(api: TestApi, fields: Record<string, string> = {}) {
    this.#api = api;
    this.#fields = fields;
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  post(path: string, body?: object, fields: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, body, fields);
  }

  patch(path: string, body: object): Promise<Answer> {
    return this.send('PATCH', path, body);
  }

  delete(path: string): Promise<Answer> {
    return this.send('DELETE', path);
  }

  async send(method: string, path: string, body?: object, fields: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.#api.browse(method, `/dashboard/v1${path}`, {
      ...(this.#cookies.size === 0 ? {} : { cookie: this.cookie }),
      ...(body === undefined ? {} : { body }),
      headers: { 'portico-csrf': this.csrf, 'portico-account': this.accountId, ...this.#fields, ...fields },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const equals = pair.indexOf('=');
      const value = pair.slice(equals + 1);
      if (value === '') this.#cookies.delete(pair.slice(0, equals));
      else this.#cookies.set(pair.slice(0, equals), value);
    }
    const session = signedIn.safeParse(answer.body);
    if (session.success) {
      this.csrf = session.data.csrfToken;
      this.userId = session.data.user.id;
      this.accountId ||= session.data.accounts[0]?.id ?? '';
    }
    return answer;
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  signIn(email = this.#api.first.email, password = this.#api.first.password ?? ''): Promise<Answer> {
    return this.post('/session', { email, password });
  }
}

/** What was mailed to an address, newest first. */
export async function mailsTo(
  api: TestApi,
  address: string,
): Promise<{ readonly subject: string; readonly text: string }[]> {
  const { mailer } = api.api;
  return mailer.kept.filter(({ to }) => to === address);
}

/** What stands in the link of a mail. */
export function tokenIn(text: string | undefined): string {
  return /#([\w-]{43})/.exec(text ?? '')?.[1] ?? '';
}
