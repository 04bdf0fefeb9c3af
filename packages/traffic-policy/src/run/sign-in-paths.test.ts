import { describe, expect, it } from 'vitest';
import { loadPolicy } from '../load-policy.ts';
import { request, scope } from '../testing/contexts.ts';
import { walkRules } from './walk-rules.ts';

const POLICY = {
  on_http_request: [
    { expressions: ['req.url.path.startsWith("/admin")'], actions: [{ type: 'deny' }] },
    {
      expressions: ['req.url.path.startsWith("/members")'],
      actions: [
        { type: 'log', config: { metadata: { a: 'b' } } },
        {
          type: 'openid-connect',
          config: { issuer_url: 'https://issuer.example', client_id: 'a', client_secret: 'b', auth_id: 'team' },
        },
      ],
    },
    { actions: [{ type: 'add-headers', config: { headers: { a: 'b' } } }] },
  ],
};

function actionsFor(target: string): string[] {
  const loaded = loadPolicy(JSON.stringify(POLICY));
  if (loaded.kind === 'refused') throw new Error(loaded.problems[0]?.message);
  const walk = walkRules(
    loaded.policy.phases.on_http_request,
    scope('on_http_request', { request: request({ target }) }),
  );
  const types: string[] = [];
  for (let step = walk.next(); step.done !== true; step = walk.next('on')) types.push(step.value.action.type);
  return types;
}

describe('a sign-in for some pages only', () => {
  it('is asked for its own paths too, and nothing else of its rule is', () => {
    expect(actionsFor('/ngrok/oauth2/callback?code=x&state=y')).toEqual(['openid-connect', 'add-headers']);
    expect(actionsFor('/ngrok/login')).toEqual(['openid-connect', 'add-headers']);
    expect(actionsFor('/ngrok/logout?auth_id=team')).toEqual(['openid-connect', 'add-headers']);
  });

  it('is not asked for anything that only looks like them', () => {
    for (const target of [
      '/',
      '/ngrok/login?auth_id=other',
      '/ngrok/login/',
      '/ngrok/Login',
      '/ngrok/oauth2/callback/x',
      '/x/../ngrok/login',
    ]) {
      expect(actionsFor(target), target).toEqual(['add-headers']);
    }
    expect(actionsFor('/members')).toEqual(['log', 'openid-connect', 'add-headers']);
  });
});
