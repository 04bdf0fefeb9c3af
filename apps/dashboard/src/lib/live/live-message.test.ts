import { liveMessage } from '@portico/api-contract/dashboard';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLiveMessage } from './live-message.ts';

const at = '2026-11-20T19:06:27.123Z';
const traffic = { requests: 5, connections: 2, bytesIn: 10, bytesOut: 20, errors: 1 };
const endpoint = {
  id: 'ep_1',
  url: 'https://a.example',
  proto: 'https',
  kind: 'agent',
  name: 'a',
  metadata: '<b>',
  forwardsTo: 'localhost:3000',
  sessionId: 'ts_1',
  startedAt: at,
  ...traffic,
  upstream: { kind: 'fails', since: at, code: 8012 },
};
const overview = {
  kind: 'overview',
  overview: {
    at,
    account: { id: 'ac_1', name: 'Harbour', plan: 'self-hosted' },
    endpoints: [
      endpoint,
      { ...endpoint, upstream: { kind: 'unknown' } },
      { ...endpoint, upstream: { kind: 'answers', at } },
      { ...endpoint, upstream: { kind: 'fails', since: at, code: null } },
    ],
    endpointCount: 4,
    sessions: [
      {
        id: 'ts_1',
        agentName: 'mira',
        agentVersion: '1.0.0',
        os: 'linux',
        arch: 'x64',
        clientType: 'portico',
        ip: '127.0.0.1',
        region: 'local',
        metadata: '',
        startedAt: at,
      },
    ],
    sessionCount: 1,
    hadTunnel: true,
    recent: [
      { id: 'ev_1', at, type: 'endpoint.online', subject: 'https://a.example', detail: null },
      { id: 'ev_2', at, type: 'session.refused', subject: 'mira', detail: 'ERR_NGROK_107' },
    ],
    today: traffic,
    edges: [{ nodeId: 'nd_1', online: true }],
    connect: { address: '127.0.0.1:4443', caSha256: 'ab', caPem: 'pem', baseDomain: 'base.test' },
  },
};

/** Every place in a document, as the keys that lead to it. */
function places(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  const below = Object.entries(value).flatMap(([key, item]) =>
    places(item, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return [[...path], ...below];
}

function changed(value: unknown, path: readonly (string | number)[], to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  if (Array.isArray(value)) return value.map((item: unknown, i) => (i === key ? changed(item, rest, to) : item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      if (name !== key) return [[name, item]];
      const next = changed(item, rest, to);
      return next === undefined ? [] : [[name, next]];
    }),
  );
}

const outcome = (read: () => unknown): unknown => {
  try {
    return { ok: read() };
  } catch {
    return 'refused';
  }
};

describe('messages of the live stream', () => {
  const messages = [
    overview,
    { kind: 'ping', at },
    { kind: 'changed', lists: ['vaults'] },
    { kind: 'changed', lists: null },
    { kind: 'signed-out' },
  ];

  it('are read as the contract reads them', () => {
    for (const message of messages) {
      expect(readLiveMessage(JSON.stringify(message))).toEqual(liveMessage.parse(message));
    }
  });

  it('leave out what the contract does not name', () => {
    expect(readLiveMessage('{"kind":"signed-out","more":1,"__proto__":{"x":1}}')).toEqual({ kind: 'signed-out' });
  });

  it('are refused wherever the contract refuses, for any one change', () => {
    const all = messages.flatMap((message) => places(message).map((path) => ({ message, path })));
    // Dates are texts here: the page shows a dash for one that it cannot read, and needs no second parser for it.
    const wrong = fc.constantFrom<unknown>(undefined, true, [], {}, { kind: 'nothing' }, [1]);
    fc.assert(
      fc.property(fc.constantFrom(...all), wrong, ({ message, path }, to) => {
        const bad = changed(message, path, to);
        const text = JSON.stringify(bad) ?? 'null';
        expect(outcome(() => readLiveMessage(text))).toEqual(outcome(() => liveMessage.parse(JSON.parse(text))));
      }),
      { numRuns: process.env.PORTICO_LONG === '1' ? 20_000 : 1000 },
    );
  });

  it('are refused when they are no message at all', () => {
    for (const text of ['', 'null', '1', '"overview"', '[]', '{}', '{"kind":"toString"}', '{"kind":"overview"'])
      expect(() => readLiveMessage(text)).toThrow();
  });
});
