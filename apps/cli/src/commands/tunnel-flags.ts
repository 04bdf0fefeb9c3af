import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AgentFlags } from '../config/settings.ts';
import { logFormats, logLevels } from '../output/log-writer.ts';

export type TunnelProto = 'http' | 'tcp' | 'tls';

/** The flags of the commands that open one endpoint. */
export interface TunnelFlags extends AgentFlags {
  readonly url?: string;
  readonly subdomain?: string;
  readonly name?: string;
  readonly description?: string;
  readonly metadata?: string;
  readonly trafficPolicyFile?: string;
  readonly trafficPolicyUrl?: string;
  readonly poolingEnabled?: boolean;
  readonly binding?: readonly string[];
  readonly inspect?: boolean;
  readonly upstreamProtocol?: string;
  readonly upstreamProxyProtocol?: string;
  readonly upstreamTlsVerify?: boolean;
  readonly upstreamTlsVerifyCas?: string;
  readonly crt?: string;
  readonly key?: string;
  readonly mutualTlsCas?: string;
  readonly terminateAt?: string;
  readonly hostHeader?: string;
  readonly basicAuth?: readonly string[];
  readonly cidrAllow?: readonly string[];
  readonly cidrDeny?: readonly string[];
  // Older ones, see `olderFlags`.
  readonly hostname?: string;
  readonly domain?: string;
  readonly auth?: readonly string[];
  readonly bindTls?: string;
  readonly scheme?: readonly string[];
  readonly schemes?: readonly string[];
  readonly remoteAddr?: string;
  readonly oauth?: string;
  readonly oauthAllowEmail?: readonly string[];
  readonly oauthAllowDomain?: readonly string[];
  readonly oauthClientId?: string;
  readonly oauthClientSecret?: string;
  readonly oauthScope?: readonly string[];
  readonly oidc?: string;
  readonly oidcClientId?: string;
  readonly oidcClientSecret?: string;
  readonly oidcScope?: readonly string[];
  readonly requestHeaderAdd?: readonly string[];
  readonly requestHeaderRemove?: readonly string[];
  readonly responseHeaderAdd?: readonly string[];
  readonly responseHeaderRemove?: readonly string[];
  readonly compression?: boolean;
  readonly circuitBreaker?: string;
  readonly uaFilterAllow?: readonly string[];
  readonly uaFilterDeny?: readonly string[];
  readonly verifyWebhook?: string;
  readonly verifyWebhookSecret?: string;
  readonly proxyProto?: string;
  readonly appProtocol?: string;
  readonly policyFile?: string;
}

/** Where the configuration, the token and the log are. */
export function addAgentFlags(command: Command, { region = true } = {}): Command {
  addLogFlags(addConfigFlag(command)).option(
    '--authtoken <token>',
    'the token to connect with, before environment and configuration',
  );
  return region ? command.addOption(new Option('--region <region>').hideHelp()) : command;
}

export function addLogFlags(command: Command): Command {
  return command
    .option('--log <where>', 'false, stdout, stderr or a file (default: the screen, or stdout without one)')
    .addOption(new Option('--log-format <format>', 'form of the log lines').choices(logFormats))
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(logLevels));
}

export function addConfigFlag(command: Command): Command {
  return command.option('--config <file>', 'configuration file; may be repeated, later ones win', collect);
}

interface FlagSpec {
  readonly flag: string;
  readonly text: string;
  readonly on: readonly TunnelProto[];
  /** `text` where it is not said. */
  /** `list` may be repeated or have commas, `lines` may only be repeated: commas are part of the value. */
  readonly kind?: 'list' | 'lines' | 'boolean';
  readonly choices?: readonly string[];
}

const all: readonly TunnelProto[] = ['http', 'tcp', 'tls'];

const currentFlags: readonly FlagSpec[] = [
  { flag: '--traffic-policy-file <file>', text: 'traffic policy, YAML or JSON', on: all },
  { flag: '--traffic-policy-url <url>', text: 'where the traffic policy is fetched from at start', on: all },
  { flag: '--pooling-enabled', text: 'share the URL with other endpoints that say so too', on: all, kind: 'boolean' },
  { flag: '--binding <binding>', text: 'who may reach it: public (default) or internal', on: all, kind: 'list' },
  {
    flag: '--inspect',
    text: 'keep exchanges for the inspector (default true); --inspect=false for none',
    on: ['http'],
    kind: 'boolean',
  },
  {
    flag: '--host-header <host>',
    text: 'Host that the upstream gets: rewrite (its own), preserve, or a text',
    on: ['http'],
  },
  {
    flag: '--basic-auth <user:password>',
    text: 'asks visitors for a login; may be repeated',
    on: ['http'],
    kind: 'lines',
  },
  { flag: '--cidr-allow <cidr>', text: 'addresses that are let in; may be repeated', on: all, kind: 'list' },
  { flag: '--cidr-deny <cidr>', text: 'addresses that are not; may be repeated', on: all, kind: 'list' },
  {
    flag: '--upstream-protocol <protocol>',
    text: 'http1 (default) or http2',
    on: ['http'],
    choices: ['http1', 'http2'],
  },
  {
    flag: '--upstream-proxy-protocol <version>',
    text: 'tell the upstream the visitor by the PROXY protocol: 1 or 2',
    on: all,
    choices: ['', '1', '2'],
  },
  {
    flag: '--upstream-tls-verify',
    text: "check the upstream's certificate against the system's CAs",
    on: ['http', 'tls'],
    kind: 'boolean',
  },
  { flag: '--upstream-tls-verify-cas <file>', text: 'check it against these CAs (PEM)', on: ['http', 'tls'] },
  { flag: '--crt <file>', text: 'certificate (PEM): TLS ends in this agent', on: ['tls'] },
  { flag: '--key <file>', text: 'its private key (PEM)', on: ['tls'] },
  { flag: '--mutual-tls-cas <file>', text: 'CAs (PEM) whose clients are let in', on: ['tls', 'http'] },
];

interface OlderFlag extends FlagSpec {
  /** What to write today. */
  readonly today: string;
}

const policy = (action: string): string => `the traffic policy action ${action}`;

/** Flags of earlier versions: they work, are not in the help, and say what is written today. */
const olderFlags: readonly OlderFlag[] = [
  { flag: '--hostname <host>', text: '', on: ['http', 'tls'], today: '--url' },
  { flag: '--domain <host>', text: '', on: ['http', 'tls'], today: '--url' },
  { flag: '--auth <user:password>', text: '', on: ['http'], kind: 'lines', today: '--basic-auth' },
  {
    flag: '--bind-tls <choice>',
    text: '',
    on: ['http'],
    choices: ['true', 'false', 'both'],
    today: 'the scheme of --url',
  },
  { flag: '--scheme <scheme>', text: '', on: ['http'], kind: 'list', today: 'the scheme of --url' },
  { flag: '--schemes <scheme>', text: '', on: ['http'], kind: 'list', today: 'the scheme of --url' },
  { flag: '--remote-addr <address>', text: '', on: ['tcp'], today: '--url tcp://HOST:PORT' },
  { flag: '--oauth <provider>', text: '', on: ['http'], today: policy('oauth') },
  { flag: '--oauth-allow-email <email>', text: '', on: ['http'], kind: 'list', today: policy('oauth') },
  { flag: '--oauth-allow-domain <domain>', text: '', on: ['http'], kind: 'list', today: policy('oauth') },
  { flag: '--oauth-client-id <id>', text: '', on: ['http'], today: policy('oauth') },
  { flag: '--oauth-client-secret <secret>', text: '', on: ['http'], today: policy('oauth') },
  { flag: '--oauth-scope <scope>', text: '', on: ['http'], kind: 'list', today: policy('oauth') },
  { flag: '--oidc <url>', text: '', on: ['http'], today: policy('openid-connect') },
  { flag: '--oidc-client-id <id>', text: '', on: ['http'], today: policy('openid-connect') },
  { flag: '--oidc-client-secret <secret>', text: '', on: ['http'], today: policy('openid-connect') },
  { flag: '--oidc-scope <scope>', text: '', on: ['http'], kind: 'list', today: policy('openid-connect') },
  { flag: '--request-header-add <name:value>', text: '', on: ['http'], kind: 'lines', today: policy('add-headers') },
  { flag: '--request-header-remove <name>', text: '', on: ['http'], kind: 'list', today: policy('remove-headers') },
  { flag: '--response-header-add <name:value>', text: '', on: ['http'], kind: 'lines', today: policy('add-headers') },
  { flag: '--response-header-remove <name>', text: '', on: ['http'], kind: 'list', today: policy('remove-headers') },
  { flag: '--compression', text: '', on: ['http'], kind: 'boolean', today: policy('compress-response') },
  { flag: '--circuit-breaker <share>', text: '', on: ['http'], today: policy('circuit-breaker') },
  {
    flag: '--ua-filter-allow <pattern>',
    text: '',
    on: ['http'],
    kind: 'lines',
    today: 'an expression on req.user_agent',
  },
  {
    flag: '--ua-filter-deny <pattern>',
    text: '',
    on: ['http'],
    kind: 'lines',
    today: 'an expression on req.user_agent',
  },
  { flag: '--verify-webhook <provider>', text: '', on: ['http'], today: policy('verify-webhook') },
  { flag: '--verify-webhook-secret <secret>', text: '', on: ['http'], today: policy('verify-webhook') },
  { flag: '--proxy-proto <version>', text: '', on: all, choices: ['', '1', '2'], today: '--upstream-proxy-protocol' },
  {
    flag: '--app-protocol <protocol>',
    text: '',
    on: ['http'],
    choices: ['http1', 'http2'],
    today: '--upstream-protocol',
  },
  { flag: '--policy-file <file>', text: '', on: all, today: '--traffic-policy-file' },
  {
    flag: '--terminate-at <place>',
    text: '',
    on: ['tls'],
    choices: ['edge', 'agent', 'upstream'],
    today: '--crt and --key, or the traffic policy action terminate-tls',
  },
];

/** How one endpoint is named, described and guarded. */
export function addEndpointFlags(command: Command, proto: TunnelProto): Command {
  command
    .option('--name <name>', 'name of the endpoint', bytesMax(255), 'command_line')
    .option('--description <text>', 'what it is for', bytesMax(255))
    .option('--metadata <text>', 'anything, kept with the endpoint', bytesMax(4096));
  for (const spec of currentFlags) if (spec.on.includes(proto)) command.addOption(optionOf(spec));
  for (const spec of olderFlags) if (spec.on.includes(proto)) command.addOption(optionOf(spec).hideHelp());
  return command;
}

/** One line for each flag of an earlier version that was given. */
export function olderFlagNotices(args: readonly string[]): string[] {
  const notices: string[] = [];
  for (const { flag, today } of olderFlags) {
    const name = flag.split(' ')[0] ?? '';
    if (args.some((arg) => arg === name || arg.startsWith(`${name}=`))) {
      notices.push(`${name} still works; today it is ${today}.`);
    }
  }
  if (args.some((arg) => arg === '--region' || arg.startsWith('--region='))) {
    notices.push('--region has no effect: your server is where you run it.');
  }
  return notices;
}

const booleanFlags: ReadonlySet<string> = new Set([
  ...[...currentFlags, ...olderFlags].filter(({ kind }) => kind === 'boolean').map(({ flag }) => flag),
]);

/** `--inspect` alone means true, and never takes the word that follows it. */
export function spellOutBooleans(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.map((arg, i) => (booleanFlags.has(arg) && (end === -1 || i < end) ? `${arg}=true` : arg));
}

function optionOf(spec: FlagSpec): Option {
  const option = new Option(spec.kind === 'boolean' ? `${spec.flag} <bool>` : spec.flag, spec.text);
  if (spec.kind === 'boolean') option.argParser(readBoolean);
  else if (spec.kind === 'list') option.argParser(collectCommas);
  else if (spec.kind === 'lines') option.argParser(collect);
  else if (spec.choices !== undefined) option.choices(spec.choices);
  return option;
}

function readBoolean(value: string): boolean {
  if (value !== 'true' && value !== 'false') throw new InvalidArgumentError('It is true or false.');
  return value === 'true';
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function collectCommas(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...value.split(',').map((part) => part.trim())];
}

function bytesMax(limit: number): (value: string) => string {
  return (value) => {
    if (Buffer.byteLength(value) > limit) throw new InvalidArgumentError(`It has at most ${limit} bytes.`);
    return value;
  };
}
