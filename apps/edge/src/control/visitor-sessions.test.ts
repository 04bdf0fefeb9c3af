import { InternalApiError, type VisitorSession, type VisitorsRequest } from '@portico/api-contract/internal';
import { newId } from '@portico/service';
import { afterEach, describe, expect, it } from 'vitest';
import { VisitorSessions } from './visitor-sessions.ts';

const opened: VisitorSessions[] = [];
afterEach(async () => {
  for (const sessions of opened.splice(0)) await sessions.close();
});

/** The API's side: what it was told, and what it answers. */
function api() {
  const told: VisitorsRequest[] = [];
  const state = { ended: [] as string[], isAway: false };
  const client = {
    visitors: async (request: VisitorsRequest) => {
      if (state.isAway) throw new InternalApiError('unavailable', 'away');
      told.push(request);
      return { ended: state.ended };
    },
  };
  const sessions = new VisitorSessions({ client, nodeId: 'edge-1', everyMs: 3_600_000 });
  opened.push(sessions);
  return { told, state, sessions };
}

function session(id: string, name = 'Visitor'): VisitorSession {
  const at = '2026-03-01T10:00:00.000Z';
  return {
    id,
    accountId: newId('ac'),
    endpointId: newId('ep'),
    publicUrl: 'https://app.portico.localhost',
    provider: 'google',
    subject: '1',
    username: '',
    email: 'visitor@example.com',
    name,
    ip: '203.0.113.5',
    userAgent: '',
    startedAt: at,
    lastActiveAt: at,
    expiresAt: at,
  };
}

describe('sessions of visitors', () => {
  it('are told once each, in batches, the newest state of each', async () => {
    const { told, sessions } = api();
    const ids = Array.from({ length: 1_200 }, () => sessions.newId());
    for (const id of ids) sessions.note(session(id));
    sessions.note(session(ids[0] ?? '', 'Renamed'));
    await sessions.flush();
    expect(told.map((request) => request.sessions.length)).toEqual([500, 500, 200]);
    const all = told.flatMap((request) => request.sessions);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1_200);
    expect(all.find(({ id }) => id === ids[0])?.name).toBe('Renamed');
    await sessions.flush();
    expect(told.at(-1)?.sessions).toEqual([]);
  });

  it('that were ended are known by the hint at once, and by the answer in any case', async () => {
    const { state, sessions } = api();
    const [one, other] = [sessions.newId(), sessions.newId()];
    sessions.end([one]);
    expect([sessions.isEnded(one), sessions.isEnded(other)]).toEqual([true, false]);
    state.ended = [one, other];
    await sessions.flush();
    expect([sessions.isEnded(one), sessions.isEnded(other)]).toEqual([true, true]);
    // Expired by now: nobody needs to remember them.
    state.ended = [];
    await sessions.flush();
    expect(sessions.isEnded(one)).toBe(false);
  });

  it('wait while the API is away, ten thousand at most, and what was ended stays so', async () => {
    const { told, state, sessions } = api();
    const ended = sessions.newId();
    sessions.end([ended]);
    state.isAway = true;
    const first = sessions.newId();
    sessions.note(session(first));
    for (let i = 0; i < 10_000; i += 1) sessions.note(session(sessions.newId()));
    await sessions.flush();
    expect(sessions.isEnded(ended)).toBe(true);
    state.isAway = false;
    await sessions.flush();
    const all = told.flatMap((request) => request.sessions);
    expect(all).toHaveLength(10_000);
    expect(all.some(({ id }) => id === first)).toBe(false);
  });
});
