import type { BindProto, WantedName } from '@portico/api-contract/internal';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { claimOnline } from '../testing/online.ts';
import { type TestAccount, TestApi } from '../testing/test-api.ts';

let test: TestApi;
let mine: TestAccount;
let other: TestAccount;

beforeAll(async () => {
  test = await TestApi.start();
  mine = await test.newAccount();
  other = await test.newAccount();
});

afterAll(() => test.close());

const minutes = 60_000;
const refused = (code: number) => ({ kind: 'refused', error: { code } });

function bind(who: TestAccount, wanted: WantedName, proto: BindProto = wanted.kind.includes('port') ? 'tcp' : 'https') {
  const { accountId, credentialId } = who;
  return test.edge.authorizeBind({ nodeId: 'edge-1', accountId, credentialId, proto, wanted });
}

const host = (name: string): WantedName => ({ kind: 'host', host: `${name}.portico.localhost` });

async function reserve(who: TestAccount, name: string) {
  const answer = await test.call('POST', '/reserved_domains', {
    key: who.apiKey,
    body: { domain: `${name}.portico.localhost` },
  });
  return { status: answer.status, code: answer.body.error_code, id: String(answer.body.id) };
}

describe('a wanted host', () => {
  it('that nobody has is given to the first who comes, in its one form', async () => {
    expect(await bind(mine, { kind: 'host', host: 'Free.Portico.LOCALHOST.' })).toEqual({
      kind: 'granted',
      host: 'free.portico.localhost',
      port: null,
      reservedDomainId: null,
      avoidPorts: [],
    });
    expect((await bind(mine, host('free'))).kind).toBe('granted');
    expect(await bind(other, host('free'))).toMatchObject(refused(320));
  });

  it('goes to exactly one of two accounts that come at the same moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all([mine, other].map((who) => bind(who, host(`race-${round}`))));
      expect(answers.filter((answer) => answer.kind === 'granted')).toHaveLength(1);
    }
  });

  it('may be granted to the same account many times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => bind(mine, host('often'))));
    expect(answers.every((answer) => answer.kind === 'granted')).toBe(true);
  });

  it('that is reserved belongs to that account alone, and so does what lies under it', async () => {
    const { status, id } = await reserve(mine, 'kept');
    expect(status).toBe(201);
    expect(await bind(mine, host('kept'))).toMatchObject({ kind: 'granted', reservedDomainId: id });
    expect(await bind(mine, host('deep.in.kept'))).toMatchObject({ kind: 'granted', reservedDomainId: id });
    expect(await bind(other, host('kept'))).toMatchObject(refused(320));
    expect(await bind(other, host('deep.in.kept'))).toMatchObject(refused(320));
    expect(await bind(other, host('*.kept'))).toMatchObject(refused(320));
    expect(await reserve(other, 'kept')).toMatchObject({ status: 403, code: 'ERR_NGROK_320' });
    expect(await reserve(other, 'x.kept')).toMatchObject({ status: 403, code: 'ERR_NGROK_320' });
    expect(await reserve(mine, 'kept')).toMatchObject({ status: 409 });
  });

  it('with a wildcard has to be reserved exactly: 318', async () => {
    expect(await bind(mine, host('*.wild'))).toMatchObject(refused(318));
    await reserve(mine, 'wild');
    expect(await bind(mine, host('*.wild'))).toMatchObject(refused(318));
    const { id } = await reserve(mine, '*.wild');
    expect(await bind(mine, host('*.wild'))).toMatchObject({ kind: 'granted', reservedDomainId: id });
    expect(await bind(mine, host('a.wild'))).toMatchObject({ kind: 'granted', reservedDomainId: id });
    expect(await bind(other, host('a.wild'))).toMatchObject(refused(320));
  });

  it('outside of the base domain is refused: 319', async () => {
    expect(await bind(mine, { kind: 'host', host: 'shop.example.com' })).toMatchObject(refused(319));
    expect(await bind(mine, { kind: 'host', host: 'evilportico.localhost' })).toMatchObject(refused(319));
  });

  it('that is no name is refused with a reason: 328 under the base, 326 elsewhere', async () => {
    for (const name of ['a_b', '-a', 'a b', 'x'.repeat(64), 'a..b', '']) {
      expect(await bind(mine, host(name))).toMatchObject(refused(328));
    }
    for (const name of ['a_b.example', '', 'a:80', 'http://a.b']) {
      const answer = await bind(mine, { kind: 'host', host: name });
      expect(answer).toMatchObject(refused(326));
    }
  });

  it('that is kept for the operator, or looks like it, is refused: 341', async () => {
    for (const name of ['www', 'api', 'adm1n', 'x.mail']) {
      expect(await bind(mine, host(name))).toMatchObject(refused(341));
      expect(await reserve(mine, name)).toMatchObject({ code: 'ERR_NGROK_341' });
    }
    expect(await bind(mine, { kind: 'host', host: 'portico.localhost' })).toMatchObject(refused(341));
    expect(await bind(mine, { kind: 'host', host: '*.portico.localhost' })).toMatchObject(refused(341));
  });

  it('of a live endpoint of another account says where: 334', async () => {
    await bind(mine, host('busy'));
    const lease = await claimOnline(test.registry(), {
      sessionId: newId('ts'),
      accountId: mine.accountId,
      endpointId: newId('ep'),
      url: 'https://busy.portico.localhost:8443',
    });
    await vi.waitFor(async () => {
      expect(await bind(other, host('busy'))).toMatchObject({
        kind: 'refused',
        error: { code: 334, details: { url: 'https://busy.portico.localhost:8443' } },
      });
    }, 10_000);
    await lease.revoke();
  });

  it('does not fit the kind of endpoint: 9037', async () => {
    expect(await bind(mine, host('kind'), 'tcp')).toMatchObject(refused(9037));
    expect(await bind(mine, { kind: 'any-port' }, 'https')).toMatchObject(refused(9037));
  });

  it('is refused to a credential of another account, and to a revoked one: 300', async () => {
    const wanted = host('stranger');
    const mixed = { ...mine, accountId: other.accountId };
    expect(await bind(mixed, wanted)).toMatchObject(refused(300));
    const gone = await test.newAccount();
    await test.call('DELETE', `/credentials/${gone.credentialId}`, { key: gone.apiKey });
    expect(await bind(gone, wanted)).toMatchObject(refused(300));
  });
});

describe('a released name', () => {
  it('rests for its account for 10 minutes, counted from when it went offline', async () => {
    await bind(mine, host('resting'));
    const lease = await claimOnline(test.registry(), {
      sessionId: newId('ts'),
      accountId: mine.accountId,
      endpointId: newId('ep'),
      url: 'https://resting.portico.localhost',
    });
    const hold = () => test.database.queries.nameHold.findUnique({ where: { name: 'resting.portico.localhost' } });
    await vi.waitFor(async () => expect((await hold())?.live).toBe(true), 5_000);
    // Online for a day: nobody else gets it.
    test.advance(24 * 60 * minutes);
    expect(await bind(other, host('resting'))).toMatchObject(refused(334));
    await lease.revoke();
    await vi.waitFor(async () => expect((await hold())?.live).toBe(false), 5_000);
    test.advance(10 * minutes - 1_000);
    expect(await bind(other, host('resting'))).toMatchObject(refused(320));
    test.advance(2_000);
    expect((await bind(other, host('resting'))).kind).toBe('granted');
    expect(await bind(mine, host('resting'))).toMatchObject(refused(320));
  });

  it('is kept for its account through a restart of the API in the middle', async () => {
    await bind(mine, host('steady'));
    await claimOnline(test.registry(), {
      sessionId: newId('ts'),
      accountId: mine.accountId,
      endpointId: newId('ep'),
      url: 'https://steady.portico.localhost',
    });
    const hold = () => test.database.queries.nameHold.findUnique({ where: { name: 'steady.portico.localhost' } });
    await vi.waitFor(async () => expect((await hold())?.live).toBe(true), 5_000);
    test.advance(60 * minutes);
    await test.restart();
    expect(await bind(other, host('steady'))).toMatchObject(refused(320));
    expect((await bind(mine, host('steady'))).kind).toBe('granted');
  });

  it('that was reserved rests for 30 days', async () => {
    const { id } = await reserve(mine, 'given-up');
    expect((await test.call('DELETE', `/reserved_domains/${id}`, { key: mine.apiKey })).status).toBe(204);
    test.advance(29 * 24 * 60 * minutes);
    expect(await bind(other, host('given-up'))).toMatchObject(refused(320));
    expect(await reserve(other, 'given-up')).toMatchObject({ code: 'ERR_NGROK_320' });
    test.advance(2 * 24 * 60 * minutes);
    expect(await reserve(other, 'given-up')).toMatchObject({ status: 201 });
  });
});

describe('a random host', () => {
  it('has 12 hexadecimal digits and is another one each time', async () => {
    const hosts = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      const answer = await bind(mine, { kind: 'random' });
      if (answer.kind === 'granted') hosts.add(answer.host ?? '');
    }
    expect(hosts.size).toBe(20);
    for (const name of hosts) expect(name).toMatch(/^[0-9a-f]{12}\.portico\.localhost$/);
  });
});

describe('a port', () => {
  it('in the range is given to the first who comes, and then is of another account: 309', async () => {
    expect(await bind(mine, { kind: 'port', port: 20_017 })).toMatchObject({
      kind: 'granted',
      port: 20_017,
      host: null,
    });
    expect((await bind(mine, { kind: 'port', port: 20_017 })).kind).toBe('granted');
    expect(await bind(other, { kind: 'port', port: 20_017 })).toMatchObject({
      kind: 'refused',
      error: { code: 309, details: { address: 'localhost:20017' } },
    });
    const any = await bind(other, { kind: 'any-port' });
    expect(any).toMatchObject({ kind: 'granted', port: null });
    expect(any.kind === 'granted' && any.avoidPorts).toContain(20_017);
    const ownAny = await bind(mine, { kind: 'any-port' });
    expect(ownAny.kind === 'granted' && ownAny.avoidPorts).not.toContain(20_017);
  });

  it('outside of it is refused: 329', async () => {
    for (const port of [0, 1.5, -1, 19_999, 21_000, 65_536]) {
      expect(await bind(mine, { kind: 'port', port })).toMatchObject(refused(329));
    }
  });
});

describe('the rules of an authtoken', () => {
  it('decide what it may bind: 308', async () => {
    const narrow = await test.newAccount({ acl: ['bind:*.team.portico.localhost', 'bind:localhost:20100'] });
    expect((await bind(narrow, host('a.team'))).kind).toBe('granted');
    expect((await bind(narrow, { kind: 'port', port: 20_100 })).kind).toBe('granted');
    expect(await bind(narrow, host('elsewhere'))).toMatchObject(refused(308));
    expect(await bind(narrow, { kind: 'random' })).toMatchObject(refused(308));
    expect(await bind(narrow, { kind: 'any-port' })).toMatchObject(refused(308));
    expect(await bind(narrow, { kind: 'port', port: 20_101 })).toMatchObject(refused(308));
  });

  it('decide by labels what a labelled tunnel may be: 308', async () => {
    const narrow = await test.newAccount({ acl: ['bind:app=web'] });
    const { accountId, credentialId } = narrow;
    const wanted = { kind: 'internal', host: 'app-web.internal', port: 443 } as const;
    type Labels = Record<string, string> | undefined;
    const ask = (labels: Labels) =>
      test.edge.authorizeBind({
        nodeId: 'edge-1',
        accountId,
        credentialId,
        proto: 'https',
        wanted,
        poolingEnabled: true,
        ...(labels === undefined ? {} : { labels }),
      });
    expect((await ask({ app: 'web' })).kind).toBe('granted');
    const others: Labels[] = [{ app: 'Web' }, { app: 'web', env: 'prod' }, {}, undefined];
    for (const labels of others) {
      expect(await ask(labels)).toMatchObject(refused(308));
    }
  });

  it('count as they are now, not as they were when the session began', async () => {
    const changing = await test.newAccount();
    expect((await bind(changing, host('before-change'))).kind).toBe('granted');
    await test.call('PATCH', `/credentials/${changing.credentialId}`, {
      key: changing.apiKey,
      body: { acl: ['bind:only.portico.localhost'] },
    });
    expect(await bind(changing, host('after-change'))).toMatchObject(refused(308));
  });
});
