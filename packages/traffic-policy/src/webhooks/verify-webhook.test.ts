import { createHash, createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { sign as octokitSign } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { webhookChallenge } from './challenge.ts';
import { WEBHOOK_PROVIDERS, type WebhookProvider } from './provider-ids.ts';
import { WEBHOOK_SCHEMES } from './schemes.ts';
import { verifyWebhook, type WebhookRequest } from './verify-webhook.ts';

interface Vector {
  readonly provider: WebhookProvider;
  readonly secret: string;
  readonly nowMs: number;
  readonly request: WebhookRequest;
}

const post = (url: string, fields: Readonly<Record<string, string>>, body: string): WebhookRequest => ({
  method: 'POST',
  url,
  fields: Object.entries(fields).flat(),
  body: Buffer.from(body),
});

/** Requests with the signatures that the providers' own documentation and libraries print. */
const PUBLISHED: Readonly<Record<string, Vector>> = {
  // docs.github.com, "Validating webhook deliveries", testing the webhook payload validation
  'GitHub documentation': {
    provider: 'github',
    secret: "It's a Secret to Everybody",
    nowMs: 0,
    request: post(
      'https://a.example/',
      { 'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
      'Hello, World!',
    ),
  },
  // docs.slack.dev, "Verifying requests from Slack"
  'Slack documentation': {
    provider: 'slack',
    secret: '8f742231b10e8888abcd99yyyzzz85a5',
    nowMs: 1_531_420_618_000,
    request: post(
      'https://a.example/',
      {
        'X-Slack-Request-Timestamp': '1531420618',
        'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      },
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    ),
  },
  // twilio.com/docs/usage/security, "Validating requests", and the tests of its libraries
  'Twilio documentation': {
    provider: 'twilio',
    secret: '12345',
    nowMs: 0,
    request: post(
      'https://mycompany.com/myapp.php?foo=1&bar=2',
      { 'X-Twilio-Signature': '0/KCTR6DLpKmkAf8muzZqo1nDgQ=', 'Content-Type': 'application/x-www-form-urlencoded' },
      'To=%2B18005551212&CallSid=CA1234567890ABCDE&Digits=1234&From=%2B12349013030&Caller=%2B12349013030',
    ),
  },
  // docs.svix.com, "Verifying webhooks manually"; the vector of the Standard Webhooks specification
  'Svix documentation': {
    provider: 'svix',
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    nowMs: 1_614_265_330_000,
    request: post(
      'https://a.example/',
      {
        'svix-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'svix-timestamp': '1614265330',
        'svix-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      '{"test": 2432232314}',
    ),
  },
  // sendgrid-nodejs and its sisters, helpers/eventwebhook
  'SendGrid libraries': {
    provider: 'sendgrid',
    secret:
      'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
    nowMs: 1_600_112_502_000,
    request: post(
      'https://a.example/',
      {
        'X-Twilio-Email-Event-Webhook-Signature':
          'MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=',
        'X-Twilio-Email-Event-Webhook-Timestamp': '1600112502',
      },
      `${JSON.stringify([
        {
          email: 'hello@world.com',
          event: 'dropped',
          reason: 'Bounced Address',
          sg_event_id: 'ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA',
          sg_message_id: 'LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0',
          'smtp-id': '<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>',
          timestamp: 1_600_112_492,
        },
      ])}\r\n`,
    ),
  },
  // Signed by Contentful's own toolkit, @contentful/node-apps-toolkit
  'Contentful toolkit': {
    provider: 'contentful',
    secret: `${'a'.repeat(32)}${'b'.repeat(32)}`,
    nowMs: 1_767_225_601_000,
    request: post(
      'https://hooks.example.com/trigger/SW5zdGFuY2VGbG93Q29uZmlnOjE=',
      {
        'Content-Type': 'application/vnd.contentful.management.v1+json',
        'X-Contentful-Topic': 'ContentManagement.Entry.publish',
        'x-contentful-signature': '8dec81505760a10b542fbc36d3aa0a772b11f759eca7b2351daaf5bba8c7c6f1',
        'x-contentful-signed-headers':
          'content-type,x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic',
        'x-contentful-timestamp': '1767225600000',
      },
      '{"sys":{"id":"5KsDBWseXY6QegucYAoacS","type":"Entry"},"fields":{"title":{"en-US":"Hello, World!"}}}',
    ),
  },
};

const NOW = 1_750_000_000_000;
const SECRET = 'an ordinary secret';
const URL_ = 'https://demo.example/hook?b=2&a=1';
const BODY = '{"event":"made","webhookTimestamp":1750000000000}';
const hex = (text: string, digest = 'sha256', key: string | Buffer = SECRET): string =>
  createHmac(digest, key).update(text).digest('hex');
const b64 = (text: string, digest = 'sha256', key: string | Buffer = SECRET): string =>
  createHmac(digest, key).update(text).digest('base64');
const S = '1750000000';
const MS = '1750000000000';
const ISO = new Date(NOW).toISOString();
const FORM = 'b=2&a=1';

/**
 * The rest, each signed here as the provider's documentation words it: the message is spelled out, not taken from the
 * table under test.
 */
const SPELLED_OUT: Readonly<
  Partial<Record<WebhookProvider, readonly [Readonly<Record<string, string>>, string?, string?]>>
> = {
  aftership: [{ 'aftership-hmac-sha256': b64(BODY) }],
  airship: [{ 'X-UA-TIMESTAMP': S, 'X-UA-SIGNATURE': hex(`${S}:${BODY}`) }],
  alchemy: [{ 'X-Alchemy-Signature': hex(BODY) }],
  autodesk: [{ 'x-adsk-signature': `sha1hash=${hex(BODY, 'sha1')}` }],
  bitbucket: [{ 'X-Hub-Signature': `sha256=${hex(BODY)}` }],
  bolt: [{ 'X-Bolt-Hmac-Sha256': b64(BODY) }],
  box: [
    {
      'BOX-DELIVERY-TIMESTAMP': ISO,
      'BOX-SIGNATURE-PRIMARY': b64('x'),
      'BOX-SIGNATURE-SECONDARY': b64(`${BODY}${ISO}`),
    },
  ],
  brex: [
    {
      'Webhook-Id': 'm1',
      'Webhook-Timestamp': S,
      'Webhook-Signature': `v1,${b64(`m1.${S}.${BODY}`, 'sha256', Buffer.from('c2VjcmV0', 'base64'))}`,
    },
    BODY,
    'c2VjcmV0',
  ],
  buildkite: [{ 'X-Buildkite-Signature': `timestamp=${S},signature=${hex(`${S}.${BODY}`)}` }],
  calendly: [{ 'Calendly-Webhook-Signature': `t=${S},v1=${hex(`${S}.${BODY}`)}` }],
  castle: [{ 'X-Castle-Signature': b64(BODY) }],
  chargify: [{ 'X-Chargify-Webhook-Signature-Hmac-Sha-256': hex(BODY) }],
  circleci: [{ 'circleci-signature': `v1=${hex(BODY)}` }],
  clearbit: [{ 'X-Request-Signature': `sha1=${hex(BODY, 'sha1')}` }],
  coinbase: [{ 'X-CC-Webhook-Signature': hex(BODY) }],
  docusign: [{ 'X-DocuSign-Signature-1': b64('another key'), 'X-DocuSign-Signature-2': b64(BODY) }],
  dropbox: [{ 'X-Dropbox-Signature': hex(BODY) }],
  facebook_graph_api: [{ 'X-Hub-Signature-256': `sha256=${hex(BODY)}` }],
  facebook_messenger: [{ 'X-Hub-Signature-256': `sha256=${hex(BODY)}` }],
  frameio: [{ 'X-Frameio-Request-Timestamp': S, 'X-Frameio-Signature': `v0=${hex(`v0:${S}:${BODY}`)}` }],
  gitlab: [{ 'X-Gitlab-Token': SECRET }],
  go1: [{ 'Go1-Signature': `t=${S},v1=${hex(`${S}.${BODY}`)}` }],
  graphcms: [
    {
      'gcms-signature': `sign=${b64(JSON.stringify({ Body: BODY, EnvironmentName: 'master', TimeStamp: NOW }))}, env=master, t=${MS}`,
    },
  ],
  heroku: [{ 'Heroku-Webhook-Hmac-SHA256': b64(BODY) }],
  hostedhooks: [{ 'HostedHooks-Signature': `t=${S},s=${hex(`${S}.${BODY}`)}` }],
  hubspot: [{ 'X-HubSpot-Request-Timestamp': MS, 'X-HubSpot-Signature-v3': b64(`POST${URL_}${BODY}${MS}`) }],
  instagram: [{ 'X-Hub-Signature-256': `sha256=${hex(BODY)}` }],
  intercom: [{ 'X-Hub-Signature': `sha1=${hex(BODY, 'sha1')}` }],
  jira: [{ 'X-Hub-Signature': `sha256=${hex(BODY)}` }],
  launch_darkly: [{ 'X-LD-Signature': hex(BODY) }],
  linear: [{ 'Linear-Signature': hex(BODY) }],
  mailchimp: [
    { 'content-type': 'application/x-www-form-urlencoded', 'X-Mandrill-Signature': b64(`${URL_}a1b2`, 'sha1') },
    FORM,
  ],
  mailgun: [
    {},
    JSON.stringify({ signature: { timestamp: '1529006854', token: 'a8ce0edb', signature: hex('1529006854a8ce0edb') } }),
  ],
  microsoft_teams: [
    { Authorization: `HMAC ${b64(BODY, 'sha256', Buffer.from('c2VjcmV0', 'base64'))}` },
    BODY,
    'c2VjcmV0',
  ],
  modern_treasury: [{ 'X-Signature': hex(BODY) }],
  mongodb: [{ 'X-MMS-Signature': b64(BODY, 'sha1') }],
  mux: [{ 'Mux-Signature': `t=${S},v1=${hex(`${S}.${BODY}`)}` }],
  orb: [{ 'X-Orb-Timestamp': ISO, 'X-Orb-Signature': `v1=${hex(`v1:${ISO}:${BODY}`)}` }],
  orbit: [{ 'X-Orbit-Signature': SECRET }],
  pagerduty: [{ 'X-PagerDuty-Signature': `v1=${hex('other secret')},v1=${hex(BODY)}` }],
  pinwheel: [{ 'X-Timestamp': S, 'X-Pinwheel-Signature': `v2=${hex(`v2:${S}:${BODY}`)}` }],
  plivo: [
    {
      'content-type': 'application/x-www-form-urlencoded',
      'X-Plivo-Signature-V3-Nonce': '12345',
      'X-Plivo-Signature-V3': `x,${b64('https://demo.example/hook?a=1&b=2.a1b2.12345')}`,
    },
    FORM,
  ],
  pusher: [{ 'X-Pusher-Signature': hex(BODY) }],
  sentry: [{ 'Sentry-Hook-Signature': hex(BODY) }],
  shopify: [{ 'X-Shopify-Hmac-SHA256': b64(BODY) }],
  signal_sciences: [{ 'X-SigSci-Signature': hex(BODY) }],
  sonatype: [{ 'X-Nexus-Webhook-Signature': hex(BODY, 'sha1') }],
  square: [{ 'x-square-hmacsha256-signature': b64(`${URL_}${BODY}`) }],
  stripe: [{ 'Stripe-Signature': `t=${S},v1=${hex('rolled')},v1=${hex(`${S}.${BODY}`)},v0=x` }],
  terraform: [{ 'X-TFE-Notification-Signature': hex(BODY, 'sha512') }],
  tiktok: [{ 'TikTok-Signature': `t=${S},s=${hex(`${S}.${BODY}`)}` }],
  trendmicro_conformity: [{ 'X-TrendMicro-Signature': hex(BODY) }],
  twitter: [{ 'x-twitter-webhooks-signature': `sha256=${b64(BODY)}` }],
  typeform: [{ 'Typeform-Signature': `sha256=${b64(BODY)}` }],
  vmware: [{ Authorization: `Basic ${Buffer.from('ada:lovelace').toString('base64')}` }, BODY, 'ada::lovelace'],
  webex: [{ 'X-Spark-Signature': hex(BODY, 'sha1') }],
  whatsapp: [{ 'X-Hub-Signature-256': `sha256=${hex(BODY)}` }],
  worldline: [{ 'X-GCS-KeyId': 'k', 'X-GCS-Signature': b64(BODY) }],
  xero: [{ 'x-xero-signature': b64(BODY) }],
  zendesk: [{ 'X-Zendesk-Webhook-Signature-Timestamp': ISO, 'X-Zendesk-Webhook-Signature': b64(`${ISO}${BODY}`) }],
  zoom: [{ 'x-zm-request-timestamp': S, 'x-zm-signature': `v0=${hex(`v0:${S}:${BODY}`)}` }],
};

const VECTORS: readonly (readonly [string, Vector])[] = [
  ...Object.entries(PUBLISHED),
  ...Object.entries(SPELLED_OUT).flatMap(([provider, [fields, body = BODY, secret = SECRET]]): [string, Vector][] => {
    const known = WEBHOOK_PROVIDERS.find((one) => one === provider);
    return known === undefined
      ? []
      : [[provider, { provider: known, secret, nowMs: NOW, request: post(URL_, fields, body) }]];
  }),
];

describe('a webhook', () => {
  it.each(VECTORS)(
    'of %s is accepted as it is and refused when anything is changed',
    (_, { provider, secret, nowMs, request }) => {
      expect(verifyWebhook(provider, request, secret, nowMs)).toEqual({ verified: true });
      expect(verifyWebhook(provider, request, `${secret.slice(0, -4)}AAAA`, nowMs).verified).toBe(false);
      expect(verifyWebhook(provider, request, '', nowMs).verified).toBe(false);
      expect(verifyWebhook(provider, { ...request, fields: [] }, secret, nowMs).verified).toBe(provider === 'mailgun');
      const scheme = WEBHOOK_SCHEMES[provider];
      if (scheme.kind === 'token' || scheme.kind === 'basic' || provider === 'mailgun') return;
      const changed = Buffer.from(request.body);
      changed[2] = (changed[2] ?? 0) ^ 1;
      expect(verifyWebhook(provider, { ...request, body: changed }, secret, nowMs).verified).toBe(false);
    },
  );

  it('of every provider is proven here or beside its own vector', () => {
    const proven = new Set(VECTORS.map(([, { provider }]) => provider));
    expect(WEBHOOK_PROVIDERS.filter((provider) => !proven.has(provider))).toEqual(['clerk', 'sns']);
  });

  it.each(
    VECTORS.filter(([, { provider }]) => {
      const scheme = WEBHOOK_SCHEMES[provider];
      return (
        scheme.kind === 'ecdsa' ||
        (scheme.kind === 'hmac' && scheme.timestamp !== undefined && scheme.timestamp.anyAge !== true)
      );
    }),
  )('of %s is refused when it is replayed after five minutes', (_, { provider, secret, nowMs, request }) => {
    expect(verifyWebhook(provider, request, secret, nowMs + 290_000).verified).toBe(true);
    expect(verifyWebhook(provider, request, secret, nowMs + 310_000)).toMatchObject({ verified: false, reason: /old/ });
    expect(verifyWebhook(provider, request, secret, nowMs - 310_000).verified).toBe(false);
  });

  it('is signed as the libraries of GitHub and Standard Webhooks sign it', async () => {
    const signature = await octokitSign(SECRET, BODY);
    expect(verifyWebhook('github', post(URL_, { 'x-hub-signature-256': signature }, BODY), SECRET, NOW).verified).toBe(
      true,
    );
    const secret = `whsec_${Buffer.from('twenty-four bytes of key').toString('base64')}`;
    const signed = new Webhook(secret).sign('msg_1', new Date(NOW), BODY);
    for (const [provider, prefix] of [
      ['svix', 'webhook'],
      ['svix', 'svix'],
      ['clerk', 'svix'],
      ['brex', 'webhook'],
    ] as const) {
      const fields = {
        [`${prefix}-id`]: 'msg_1',
        [`${prefix}-timestamp`]: S,
        [`${prefix}-signature`]: `v1,AAAA ${signed}`,
      };
      expect(verifyWebhook(provider, post(URL_, fields, BODY), secret, NOW).verified).toBe(true);
    }
  });

  it('of HubSpot may be of its older versions', () => {
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    const v1 = post(URL_, { 'X-HubSpot-Signature': hash(`${SECRET}${BODY}`) }, BODY);
    const v2 = post(URL_, { 'X-HubSpot-Signature': hash(`${SECRET}POST${URL_}${BODY}`) }, BODY);
    expect([v1, v2].map((request) => verifyWebhook('hubspot', request, SECRET, NOW).verified)).toEqual([true, true]);
  });

  it('of Twilio with a JSON body is signed through its digest', () => {
    const url = `https://a.example/x?bodySHA256=${createHash('sha256').update(BODY).digest('hex')}`;
    const request = post(url, { 'content-type': 'application/json', 'x-twilio-signature': b64(url, 'sha1') }, BODY);
    expect(verifyWebhook('twilio', request, SECRET, NOW).verified).toBe(true);
    expect(verifyWebhook('twilio', { ...request, body: Buffer.from('{}') }, SECRET, NOW).verified).toBe(false);
  });

  it('of Plivo may be of its second version', () => {
    const request = post(
      URL_,
      { 'x-plivo-signature-v2-nonce': '9', 'x-plivo-signature-v2': b64('https://demo.example/hook9') },
      BODY,
    );
    expect(verifyWebhook('plivo', request, SECRET, NOW).verified).toBe(true);
  });

  it('of SendGrid with another key is refused, and with no key at all', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signature = signBytes('sha256', Buffer.from(`${S}${BODY}`), privateKey).toString('base64');
    const request = post(
      URL_,
      { 'x-twilio-email-event-webhook-signature': signature, 'x-twilio-email-event-webhook-timestamp': S },
      BODY,
    );
    const own = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expect(verifyWebhook('sendgrid', request, own, NOW).verified).toBe(true);
    expect(verifyWebhook('sendgrid', request, PUBLISHED['SendGrid libraries']?.secret ?? '', NOW).verified).toBe(false);
    expect(verifyWebhook('sendgrid', request, 'nonsense', NOW)).toMatchObject({ reason: /not a public key/ });
  });
});

describe('the question whether somebody is there', () => {
  const get = (url: string, fields: readonly string[] = []): WebhookRequest => ({
    method: 'GET',
    url,
    fields,
    body: Buffer.alloc(0),
  });

  it('of Twitter is answered with its token signed', () => {
    const answer = webhookChallenge('twitter', get('https://a.example/?crc_token=abc'), SECRET, NOW);
    expect(JSON.parse(answer?.body ?? '')).toEqual({ response_token: `sha256=${b64('abc')}` });
    expect(webhookChallenge('twitter', get('https://a.example/'), SECRET, NOW)).toBeNull();
  });

  it('of Zoom is answered when it is signed', () => {
    const body = '{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}';
    const request = post(URL_, { 'x-zm-request-timestamp': S, 'x-zm-signature': `v0=${hex(`v0:${S}:${body}`)}` }, body);
    const answer = webhookChallenge('zoom', request, SECRET, NOW);
    expect(JSON.parse(answer?.body ?? '')).toEqual({
      plainToken: 'qgg8vlvZRS6UYooatFL8Aw',
      encryptedToken: hex('qgg8vlvZRS6UYooatFL8Aw'),
    });
    expect(webhookChallenge('zoom', request, 'other', NOW)).toBeNull();
  });

  it('of Worldline is given back', () => {
    const fields = ['X-GCS-Webhooks-Endpoint-Verification', '3b60f35e'];
    expect(webhookChallenge('worldline', get(URL_, fields), SECRET, NOW)).toMatchObject({
      status: 200,
      body: '3b60f35e',
    });
  });

  it('of Xero is answered 401 when it is not signed rightly', () => {
    const body = '{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"x"}';
    const request = post(URL_, { 'x-xero-signature': b64(body) }, body);
    expect(webhookChallenge('xero', request, SECRET, NOW)).toMatchObject({ status: 200 });
    expect(webhookChallenge('xero', request, 'other', NOW)).toMatchObject({ status: 401 });
    expect(webhookChallenge('xero', post(URL_, {}, '{"events":[{}]}'), SECRET, NOW)).toBeNull();
  });
});
