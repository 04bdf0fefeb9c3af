import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OAUTH_PROVIDER_FACTS } from './provider-facts.ts';
import { readProviderSettings } from './provider-settings.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portico-providers-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(content: string): ReturnType<typeof readProviderSettings> {
  const file = join(folder, 'providers.json');
  writeFileSync(file, content);
  return readProviderSettings({ FILE: file }, 'FILE');
}

describe("the operator's file of OAuth providers", () => {
  it('need not be there', () => {
    expect(readProviderSettings({}, 'FILE')).toEqual({ facts: OAUTH_PROVIDER_FACTS, applications: {} });
  });

  it('gives applications and servers of its own', () => {
    const settings = read(
      JSON.stringify({
        google: { client_id: 'a', client_secret: 'b' },
        gitlab: { token_url: 'https://git.example/oauth/token' },
      }),
    );
    expect(settings.applications).toEqual({ google: { clientId: 'a', clientSecret: 'b' } });
    expect(settings.facts.gitlab).toMatchObject({
      tokenUrl: 'https://git.example/oauth/token',
      authorizationUrl: OAUTH_PROVIDER_FACTS.gitlab.authorizationUrl,
    });
    expect(settings.facts.github).toBe(OAUTH_PROVIDER_FACTS.github);
  });

  it.each([
    ['no JSON', '{', 'a readable JSON file'],
    ['no object', '[]', 'an object by provider'],
    ['an unknown provider', '{"gogle":{}}', 'gogle'],
    ['an unknown setting', '{"google":{"client":"a"}}', 'client'],
    ['half an application', '{"google":{"client_id":"a"}}', 'both client_id and client_secret of google'],
    ['a URL that is none', '{"gitlab":{"token_url":"git.example"}}', 'a URL for token_url of gitlab'],
    ['an empty secret', '{"google":{"client_id":"a","client_secret":""}}', 'a text for client_secret'],
  ])('stops the start with %s, and says why', (_what, content, says) => {
    expect(() => read(content)).toThrow(ConfigError);
    expect(() => read(content)).toThrow(says);
  });

  it('keeps secrets out of what it says', () => {
    const content = '{"google":{"client_secret":"very-secret"}}';
    expect(() => read(content)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('very-secret') }),
    );
  });
});
