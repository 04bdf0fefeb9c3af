import type { WebhookProvider } from './provider-ids.ts';
import type { HmacScheme, MessagePart, TimestampSource, WebhookScheme } from './scheme.ts';

/** How each provider signs, from its public documentation. */
export const WEBHOOK_SCHEMES: Readonly<Record<WebhookProvider, WebhookScheme>> = {
  aftership: body('aftership-hmac-sha256'),
  airship: timed('x-ua-signature', { field: 'x-ua-timestamp' }, ['timestamp', { literal: ':' }, 'body']),
  alchemy: body('x-alchemy-signature'),
  autodesk: body('x-adsk-signature', { prefix: 'sha1hash=', digest: 'sha1' }),
  bitbucket: body('x-hub-signature', { prefix: 'sha256=' }),
  bolt: body('x-bolt-hmac-sha256'),
  box: {
    ...timed('box-signature-primary', { field: 'box-delivery-timestamp' }, ['body', 'timestamp'], 'iso'),
    fields: ['box-signature-primary', 'box-signature-secondary'],
  },
  brex: standard('webhook'),
  buildkite: pairs('x-buildkite-signature', 'timestamp', 'signature'),
  calendly: pairs('calendly-webhook-signature', 't', 'v1'),
  castle: body('x-castle-signature'),
  chargify: body('x-chargify-webhook-signature-hmac-sha-256'),
  circleci: body('circleci-signature', { list: { kind: 'pairs', key: 'v1' } }),
  clearbit: body('x-request-signature', { prefix: 'sha1=', digest: 'sha1' }),
  clerk: standard('svix'),
  coinbase: body('x-cc-webhook-signature'),
  contentful: timed(
    'x-contentful-signature',
    { field: 'x-contentful-timestamp' },
    ['method', { literal: '\n' }, 'target', { literal: '\n' }, 'contentful-fields', { literal: '\n' }, 'body'],
    'ms',
  ),
  docusign: body('x-docusign-signature-1', {
    fields: Array.from({ length: 100 }, (_, index) => `x-docusign-signature-${index + 1}`),
  }),
  dropbox: body('x-dropbox-signature'),
  facebook_graph_api: body('x-hub-signature-256', { prefix: 'sha256=' }),
  facebook_messenger: body('x-hub-signature-256', { prefix: 'sha256=' }),
  frameio: {
    ...timed('x-frameio-signature', { field: 'x-frameio-request-timestamp' }, versioned('v0')),
    prefix: 'v0=',
  },
  github: body('x-hub-signature-256', { prefix: 'sha256=' }),
  gitlab: { kind: 'token', field: 'x-gitlab-token' },
  go1: pairs('go1-signature', 't', 'v1'),
  graphcms: {
    ...body('gcms-signature', { list: { kind: 'pairs', key: 'sign' } }),
    message: ['graphcms-envelope'],
    timestamp: { from: { listKey: 't' }, unit: 'ms' },
  },
  heroku: body('heroku-webhook-hmac-sha256'),
  // Its documentation names the field as Ruby programs see it.
  hostedhooks: {
    kind: 'first-present',
    schemes: [pairs('hostedhooks-signature', 't', 's'), pairs('http_hostedhooks_signature', 't', 's')],
  },
  hubspot: {
    kind: 'first-present',
    schemes: [
      timed(
        'x-hubspot-signature-v3',
        { field: 'x-hubspot-request-timestamp' },
        ['method', 'url', 'body', 'timestamp'],
        'ms',
      ),
      { ...body('x-hubspot-signature'), construction: 'hash', message: ['body'] },
      { ...body('x-hubspot-signature'), construction: 'hash', message: ['method', 'url', 'body'] },
    ],
  },
  instagram: body('x-hub-signature-256', { prefix: 'sha256=' }),
  intercom: body('x-hub-signature', { prefix: 'sha1=', digest: 'sha1' }),
  jira: body('x-hub-signature', { prefix: 'sha256=' }),
  launch_darkly: body('x-ld-signature'),
  linear: {
    ...body('linear-signature'),
    timestamp: { from: { json: ['webhookTimestamp'] }, unit: 'ms' },
  },
  // Mandrill, the transactional side; the marketing side signs nothing.
  mailchimp: body('x-mandrill-signature', { digest: 'sha1', message: ['url', 'sorted-form'] }),
  mailgun: {
    ...body('', { fields: [], message: [{ json: ['signature', 'timestamp'] }, { json: ['signature', 'token'] }] }),
    signatureIn: ['signature', 'signature'],
    // Retries over eight hours carry the signature of the first attempt.
    timestamp: { from: { json: ['signature', 'timestamp'] }, unit: 's', anyAge: true },
  },
  microsoft_teams: body('authorization', { prefix: 'HMAC ', key: 'base64' }),
  modern_treasury: body('x-signature'),
  mongodb: body('x-mms-signature', { digest: 'sha1' }),
  mux: pairs('mux-signature', 't', 'v1'),
  orb: {
    ...timed('x-orb-signature', { field: 'x-orb-timestamp' }, versioned('v1'), 'iso'),
    prefix: 'v1=',
  },
  // The field holds the secret itself.
  orbit: { kind: 'token', field: 'x-orbit-signature' },
  pagerduty: body('x-pagerduty-signature', { list: { kind: 'pairs', key: 'v1' } }),
  pinwheel: {
    ...timed('x-pinwheel-signature', { field: 'x-timestamp' }, versioned('v2')),
    prefix: 'v2=',
  },
  plivo: {
    kind: 'first-present',
    schemes: [
      body('x-plivo-signature-v3', {
        message: ['plivo-parameters', { literal: '.' }, { field: 'x-plivo-signature-v3-nonce' }],
        list: { kind: 'versions', key: '' },
      }),
      body('x-plivo-signature-v2', { message: ['url-without-query', { field: 'x-plivo-signature-v2-nonce' }] }),
    ],
  },
  pusher: body('x-pusher-signature'),
  sendgrid: {
    kind: 'ecdsa',
    field: 'x-twilio-email-event-webhook-signature',
    timestampField: 'x-twilio-email-event-webhook-timestamp',
  },
  sentry: body('sentry-hook-signature'),
  shopify: body('x-shopify-hmac-sha256'),
  signal_sciences: body('x-sigsci-signature'),
  slack: {
    ...timed('x-slack-signature', { field: 'x-slack-request-timestamp' }, versioned('v0')),
    prefix: 'v0=',
  },
  sns: { kind: 'certificate' },
  sonatype: body('x-nexus-webhook-signature', { digest: 'sha1' }),
  square: body('x-square-hmacsha256-signature', { message: ['url', 'body'] }),
  stripe: pairs('stripe-signature', 't', 'v1'),
  svix: { kind: 'first-present', schemes: [standard('svix'), standard('webhook')] },
  terraform: body('x-tfe-notification-signature', { digest: 'sha512' }),
  tiktok: pairs('tiktok-signature', 't', 's'),
  trendmicro_conformity: body('x-trendmicro-signature'),
  twilio: body('x-twilio-signature', { digest: 'sha1', message: ['url', 'twilio-parameters'] }),
  twitter: body('x-twitter-webhooks-signature', { prefix: 'sha256=' }),
  typeform: body('typeform-signature', { prefix: 'sha256=' }),
  vmware: { kind: 'basic' },
  webex: body('x-spark-signature', { digest: 'sha1' }),
  whatsapp: body('x-hub-signature-256', { prefix: 'sha256=' }),
  worldline: body('x-gcs-signature'),
  xero: body('x-xero-signature'),
  zendesk: timed(
    'x-zendesk-webhook-signature',
    { field: 'x-zendesk-webhook-signature-timestamp' },
    ['timestamp', 'body'],
    'iso',
  ),
  zoom: {
    ...timed('x-zm-signature', { field: 'x-zm-request-timestamp' }, versioned('v0')),
    prefix: 'v0=',
  },
};

/** HMAC-SHA256 over the body, unless said otherwise. */
function body(field: string, changes: Partial<HmacScheme> = {}): HmacScheme {
  return { kind: 'hmac', fields: [field], digest: 'sha256', message: ['body'], ...changes };
}

function timed(
  field: string,
  from: TimestampSource['from'],
  message: readonly MessagePart[],
  unit: TimestampSource['unit'] = 's',
): HmacScheme {
  return { kind: 'hmac', fields: [field], digest: 'sha256', message, timestamp: { from, unit } };
}

/** `t=…,v1=…` over `<t>.<body>`, as Stripe began it. */
function pairs(field: string, timestampKey: string, signatureKey: string): HmacScheme {
  return {
    ...timed(field, { listKey: timestampKey }, ['timestamp', { literal: '.' }, 'body']),
    list: { kind: 'pairs', key: signatureKey },
  };
}

/** `v0:<timestamp>:<body>`, as Slack began it. */
function versioned(version: string): readonly MessagePart[] {
  return [{ literal: `${version}:` }, 'timestamp', { literal: ':' }, 'body'];
}

/** standardwebhooks.com: `<id>.<timestamp>.<body>` with a base64 secret after `whsec_`. */
function standard(prefix: 'svix' | 'webhook'): HmacScheme {
  return {
    ...timed(`${prefix}-signature`, { field: `${prefix}-timestamp` }, [
      { field: `${prefix}-id` },
      { literal: '.' },
      'timestamp',
      { literal: '.' },
      'body',
    ]),
    list: { kind: 'versions', key: 'v1' },
    key: 'whsec',
  };
}
