import type { FastifyInstance } from 'fastify';

const page = '/reference';
const library = '/reference/library';
const script = `${library}/js/scalar.js`;
const setUp = '/reference/set-up.js';

/** What is served without a key. */
export const referencePaths: readonly string[] = [page, script, setUp];

/** Everything comes from here, and the page speaks to nobody else: no fonts, no telemetry, no proxy for its requests. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portico API</title>
<link rel="icon" href="data:,">
<body>
<div id="reference"></div>
<script src="${script}"></script>
<script src="${setUp}"></script>
</body>
</html>
`;

const settings = {
  url: 'openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  documentDownloadType: 'direct',
  defaultOpenAllTags: false,
};

/** `/reference`: the REST API for people to read and try, made from `/openapi.json`. */
export function referenceRoutes(app: FastifyInstance): void {
  app.get(page, (_request, reply) =>
    reply
      .header('content-security-policy', policy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .type('text/html; charset=utf-8')
      .send(html),
  );
  // Of the library's plugin only its script is used: its page has a script inside, which the policy above forbids.
  app.register(async (scope) => {
    scope.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'public, max-age=86400');
    });
    const { default: scalar } = await import('@scalar/fastify-api-reference');
    await scope.register(scalar, { routePrefix: library as `/${string}`, configuration: { url: '/openapi.json' } });
  });
  app.get(setUp, (_request, reply) =>
    reply
      .header('cache-control', 'public, max-age=3600')
      .type('text/javascript; charset=utf-8')
      .send(`Scalar.createApiReference('#reference', ${JSON.stringify(settings)});\n`),
  );
}
