import { describe, expect, it } from 'vitest';
import { completionsFor } from './completions.ts';

const labels = (before: string): string[] => completionsFor(before).map(({ label }) => label);

describe('completions in a policy', () => {
  it('are phases at the margin', () => {
    expect(labels('')).toContain('on_http_request');
    expect(labels('on_http_request: []\n')).toContain('on_http_response');
  });

  it('are types of actions that the phase has', () => {
    expect(labels('on_http_request:\n  - actions:\n      - type: ')).toContain('rate-limit');
    expect(labels('on_tcp_connect:\n  - actions:\n      - type: ')).not.toContain('add-headers');
  });

  it('are keys of rules and of actions, and variables in expressions', () => {
    expect(labels('on_http_request:\n  - ')).toEqual(['name', 'expressions', 'actions']);
    expect(labels('on_http_request:\n  - actions:\n      - ')).toEqual(['type', 'config']);
    expect(labels('on_http_request:\n  - expressions: ["')).toContain('conn.client_ip');
    expect(labels('on_http_request:\n  - expressions: ["')).not.toContain('sse.data');
    expect(labels('on_event_stream_message:\n  - expressions: ["')).toContain('sse.data');
    expect(
      labels('on_http_request:\n  - actions:\n      - type: redirect\n        config: {to: "https://x${'),
    ).toContain('req.url.path');
  });
});
