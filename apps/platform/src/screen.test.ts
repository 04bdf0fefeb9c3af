import { describe, expect, it } from 'vitest';
import { createScreen, type ScreenFacts } from './screen.ts';

const facts: ScreenFacts = {
  startedMs: 3_210,
  welcomeUrl: 'https://welcome.portico.localhost:8443',
  dashboardUrl: 'http://127.0.0.1:4020',
  email: 'admin@portico.localhost',
  password: 'correct-horse',
  apiUrl: 'http://127.0.0.1:4010',
  connect: 'localhost:4443',
  remoteConnect: null,
  baseDomain: 'portico.localhost',
  httpsPort: 8443,
  caFile: '.data/ca.pem',
  caFingerprint: 'ab'.repeat(32),
  authtoken: 'token',
  dataDir: '.data',
  logDir: '.data/logs',
  forwarding: [{ url: 'https://demo.portico.localhost:8443', upstream: 'http://localhost:3000' }],
};

function screenOf(options: { isTTY?: boolean; columns?: number }, environment: NodeJS.ProcessEnv = {}): string {
  let text = '';
  const screen = createScreen({ ...options, write: (piece) => (text += piece) }, environment);
  screen.step('database');
  screen.ready(facts);
  return text;
}

describe('the screen of npm start', () => {
  it('names everything that a newcomer needs', () => {
    const text = screenOf({});
    for (const needed of [
      facts.welcomeUrl,
      facts.dashboardUrl,
      facts.email,
      'correct-horse',
      facts.apiUrl,
      './portico http 3000 --subdomain demo',
      'config add-connect-url localhost:4443',
      facts.caFingerprint,
      'https://demo.portico.localhost:8443 -> http://localhost:3000',
    ]) {
      expect(text).toContain(needed);
    }
  });

  it('says what keeps other machines out, or where they dial in', () => {
    expect(screenOf({})).toContain('set PORTICO_BIND=0.0.0.0');
    let text = '';
    createScreen({ write: (piece) => (text += piece) }, {}).ready({
      ...facts,
      remoteConnect: 'connect.example.com:4443',
    });
    expect(text).toContain('add-connect-url connect.example.com:4443');
    expect(text).not.toContain('PORTICO_BIND');
  });

  it('uses no escape sequence where there is no terminal, or where NO_COLOR is set', () => {
    expect(screenOf({})).not.toContain('\u001b');
    expect(screenOf({ isTTY: true, columns: 100 }, { NO_COLOR: '1' })).not.toContain('\u001b');
    expect(screenOf({ isTTY: true, columns: 100 })).toContain('\u001b[32m');
  });

  it.each([40, 60, 100, 200])('keeps the drawn path within %i columns', (columns) => {
    const path = screenOf({ isTTY: false, columns })
      .split('\n')
      .filter((line) => /^[━┃]/.test(line));
    expect(path).toHaveLength(3);
    for (const line of path) expect(line.length).toBeLessThanOrEqual(columns);
  });
});
