/** A policy to begin with. */
export interface Starter {
  readonly name: string;
  readonly label: string;
  readonly note: string;
  readonly policy: string;
}

export const starters: readonly Starter[] = [
  {
    name: 'page',
    label: 'shows a page',
    note: 'An answer of its own, without an app.',
    policy: `on_http_request:
  - actions:
      - type: custom-response
        config:
          status_code: 200
          headers:
            content-type: text/html; charset=utf-8
          body: |
            <!doctype html>
            <title>Soon</title>
            <h1>Something is being built here</h1>
`,
  },
  {
    name: 'redirect',
    label: 'redirects',
    note: 'To another address, with the path kept.',
    policy: `on_http_request:
  - actions:
      - type: redirect
        config:
          to: https://www.example.com\${req.url.uri}
          status_code: 308
      - type: deny
        config:
          status_code: 404
`,
  },
  {
    name: 'forward',
    label: 'forwards to an internal endpoint',
    note: 'An agent that binds https://app.internal carries it.',
    policy: `on_http_request:
  - actions:
      - type: forward-internal
        config:
          url: https://app.internal
`,
  },
  {
    name: 'closed',
    label: 'is closed to all',
    note: 'Until you write what it does.',
    policy: `on_http_request:
  - actions:
      - type: deny
        config:
          status_code: 403
`,
  },
];
