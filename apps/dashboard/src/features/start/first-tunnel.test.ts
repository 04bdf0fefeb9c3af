import type { LiveEndpoint, LiveSession, Overview } from '@portico/api-contract/dashboard';
import { describe, expect, it } from 'vitest';
import { masked, progressOf } from './first-tunnel.ts';

const at = '2026-11-20T19:06:27.123Z';
const none = { requests: 0, connections: 0, bytesIn: 0, bytesOut: 0, errors: 0 };

function endpoint(id: string, sessionId: string, kind: LiveEndpoint['kind'] = 'agent'): LiveEndpoint {
  const names = { url: `https://${id}.example`, name: '', metadata: '', forwardsTo: 'localhost:3000' };
  return { id, ...names, proto: 'https', kind, sessionId, startedAt: at, ...none, upstream: { kind: 'unknown' } };
}

function session(id: string, clientType = 'portico'): LiveSession {
  const system = { os: 'linux', arch: 'x64', ip: '127.0.0.1', region: 'local', metadata: '', startedAt: at };
  return { id, agentName: id, agentVersion: '1.0.0', clientType, ...system };
}

function overview(endpoints: LiveEndpoint[], sessions: LiveSession[], recent: Overview['recent'] = []): Overview {
  return {
    at,
    account: { id: 'ac_1', name: 'Harbour', plan: 'self-hosted' },
    endpoints,
    endpointCount: endpoints.length,
    sessions,
    sessionCount: sessions.length,
    hadTunnel: false,
    recent,
    today: none,
    edges: [],
    connect: null,
  };
}

describe('the way to a first tunnel', () => {
  it('does not begin with the agent that the platform starts itself, nor with a cloud endpoint', () => {
    const given = overview(
      [endpoint('welcome', 'own'), endpoint('cloud', '', 'cloud')],
      [session('own', 'portico-welcome')],
    );
    expect(progressOf(given, null)).toEqual({ agent: null, tunnel: { kind: 'none' }, lastEvent: null });
  });

  it('has the agent first, then its endpoint, and keeps to the one that was shown', () => {
    const agent = session('mira');
    expect(progressOf(overview([], [agent]), null)).toMatchObject({ agent, tunnel: { kind: 'none' } });
    const [shop, newer] = [endpoint('shop', 'mira'), endpoint('newer', 'mira')];
    expect(progressOf(overview([shop], [agent]), null).tunnel).toEqual({ kind: 'live', endpoint: shop, agent });
    expect(progressOf(overview([newer, shop], [agent]), shop).tunnel).toMatchObject({ endpoint: { id: 'shop' } });
  });

  it('says when it is gone again, and why', () => {
    const shop = endpoint('shop', 'mira');
    const event = { id: 'ev', at, type: 'endpoint.offline', subject: shop.url, detail: 'agent left' } as const;
    expect(progressOf(overview([], [], [event]), shop).tunnel).toEqual({ kind: 'gone', endpoint: shop, event });
  });

  it('tells what an agent was refused for while nothing works', () => {
    const event = { id: 'ev', at, type: 'session.refused', subject: 'mira', detail: 'ERR_NGROK_107' } as const;
    expect(progressOf(overview([], [], [event]), null).lastEvent).toEqual(event);
    expect(progressOf(overview([endpoint('shop', 'mira')], [session('mira')], [event]), null).lastEvent).toBeNull();
  });
});

describe('a masked token', () => {
  it('shows its ends only', () => {
    expect(masked('2kQ7xZJm0vR8sT1uW4yB6nC9dF_7Hk3LpQ5rV8x4fWz')).toBe('2kQ7••••••••••••4fWz');
    expect(masked('short')).toBe('•••••');
  });
});
