import Bowser from 'bowser';
import { classRecord, TEXT_FIELD } from '../expressions/record-type.ts';

/** What a User-Agent text says about itself. Empty where it does not say. */
export class UserAgent {
  readonly text: string;
  #parsed: ParsedAgent | null = null;

  constructor(text: string) {
    this.text = text;
  }

  get [TEXT_FIELD](): string {
    return this.text;
  }

  get name(): string {
    return this.#info.name;
  }

  get version(): string {
    return this.#info.version;
  }

  get os(): string {
    return this.#info.os;
  }

  get os_version(): string {
    return this.#info.osVersion;
  }

  get device(): string {
    return this.#info.device;
  }

  get is_bot(): boolean {
    return this.#info.kind === 'bot';
  }

  get is_mobile(): boolean {
    return this.#info.kind === 'mobile';
  }

  get is_tablet(): boolean {
    return this.#info.kind === 'tablet';
  }

  get is_desktop(): boolean {
    return this.#info.kind === 'desktop';
  }

  get url(): string {
    return /https?:\/\/[^\s;,)]{1,200}/.exec(this.text.slice(0, CONSIDERED_CHARACTERS))?.[0] ?? '';
  }

  get #info(): ParsedAgent {
    this.#parsed ??= parseUserAgent(this.text);
    return this.#parsed;
  }
}

export const USER_AGENT = classRecord('UserAgent', UserAgent, {
  [TEXT_FIELD]: 'string',
  name: 'string',
  version: 'string',
  os: 'string',
  os_version: 'string',
  device: 'string',
  is_bot: 'bool',
  is_mobile: 'bool',
  is_tablet: 'bool',
  is_desktop: 'bool',
  url: 'string',
});

export interface ParsedAgent {
  readonly name: string;
  readonly version: string;
  readonly os: string;
  readonly osVersion: string;
  readonly device: string;
  readonly kind: 'bot' | 'mobile' | 'tablet' | 'desktop' | 'other';
}

/** Longer texts say nothing more; a hostile one of 16 KB takes 2 ms. */
const CONSIDERED_CHARACTERS = 512;

/** Programs that the browser library does not know. */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/^curl\/(\S{1,32})/i, 'curl'],
  [/^Wget\/(\S{1,32})/i, 'Wget'],
  [/^Go-http-client\/(\S{1,32})/, 'Go-http-client'],
  [/^python-requests\/(\S{1,32})/i, 'python-requests'],
  [/^python-httpx\/(\S{1,32})/i, 'python-httpx'],
  [/^Python-urllib\/(\S{1,32})/i, 'Python-urllib'],
  [/^aiohttp\/(\S{1,32})/i, 'aiohttp'],
  [/^okhttp\/(\S{1,32})/i, 'okhttp'],
  [/^Java\/(\S{1,32})/, 'Java'],
  [/^Apache-HttpClient\/(\S{1,32})/i, 'Apache-HttpClient'],
  [/^PostmanRuntime\/(\S{1,32})/i, 'PostmanRuntime'],
  [/^insomnia\/(\S{1,32})/i, 'Insomnia'],
  [/^HTTPie\/(\S{1,32})/i, 'HTTPie'],
  [/^axios\/(\S{1,32})/i, 'axios'],
  [/^node-fetch\/(\S{1,32})/i, 'node-fetch'],
  [/^undici(?:\/(\S{1,32}))?$/i, 'undici'],
  [/^node$/i, 'node'],
  [/^Deno\/(\S{1,32})/i, 'Deno'],
  [/^Bun\/(\S{1,32})/i, 'Bun'],
  [/^k6\/(\S{1,32})/i, 'k6'],
  [/^hey\/(\S{1,32})/i, 'hey'],
  [/^GitHub-Hookshot\/(\S{1,32})/i, 'GitHub-Hookshot'],
  [/^Stripe\/(\S{1,32})/i, 'Stripe'],
  [/^kube-probe\/(\S{1,32})/i, 'kube-probe'],
  [/^ELB-HealthChecker\/(\S{1,32})/i, 'ELB-HealthChecker'],
];

/** Bots, by a token in the text; some pass for browsers otherwise. */
const BOTS: readonly (readonly [RegExp, string])[] = [
  [/\bGPTBot\/(\S{1,32}?)[;)\s]/i, 'GPTBot'],
  [/\bChatGPT-User\/(\S{1,32}?)[;)\s]/i, 'ChatGPT-User'],
  [/\bOAI-SearchBot\/(\S{1,32}?)[;)\s]/i, 'OAI-SearchBot'],
  [/\bClaudeBot\/(\S{1,32}?)[;)\s]/i, 'ClaudeBot'],
  [/\bPerplexityBot\/(\S{1,32}?)[;)\s]/i, 'PerplexityBot'],
  [/\bGooglebot(?:-\w+)?\/(\S{1,32}?)[;)\s]/i, 'Googlebot'],
  [/\bbingbot\/(\S{1,32}?)[;)\s]/i, 'bingbot'],
  [/\bApplebot\/(\S{1,32}?)[;)\s]/i, 'Applebot'],
  [/\bAmazonbot\/(\S{1,32}?)[;)\s]/i, 'Amazonbot'],
  [/\bBytespider\b/i, 'Bytespider'],
  [/\bCCBot\/(\S{1,32})/i, 'CCBot'],
  [/\bfacebookexternalhit\/(\S{1,32})/i, 'facebookexternalhit'],
  [/\bSlackbot(?:-LinkExpanding)?\s?(\S{1,32})?/i, 'Slackbot'],
  [/\b(?:[\w-]{1,32})?(?:bot|crawler|spider)\b/i, ''],
];

/** Pure, at most 25 µs; the last 1,000 texts are remembered. */
export function parseUserAgent(text: string): ParsedAgent {
  const considered = text.slice(0, CONSIDERED_CHARACTERS);
  const known = recent.get(considered) ?? older.get(considered);
  const parsed = known ?? parse(considered);
  if (!recent.has(considered)) {
    if (recent.size >= 500) {
      older = recent;
      recent = new Map();
    }
    recent.set(considered, parsed);
  }
  return parsed;
}

let recent = new Map<string, ParsedAgent>();
let older = new Map<string, ParsedAgent>();

function parse(text: string): ParsedAgent {
  const nothing: ParsedAgent = { name: '', version: '', os: '', osVersion: '', device: '', kind: 'other' };
  if (text === '') return nothing;
  for (const [pattern, name] of PROGRAMS) {
    const match = pattern.exec(text);
    if (match !== null) return { ...nothing, name, version: match[1] ?? '' };
  }
  const browser = parseBrowser(text);
  for (const [pattern, name] of BOTS) {
    const match = pattern.exec(text);
    if (match !== null) {
      return { ...browser, name: name === '' ? match[0] : name, version: match[1] ?? browser.version, kind: 'bot' };
    }
  }
  return browser;
}

function parseBrowser(text: string): ParsedAgent {
  const { browser, os, platform } = Bowser.parse(text);
  const device = [platform.vendor, platform.model].filter((part) => part !== undefined && part !== '').join(' ');
  return {
    name: browser.name ?? '',
    version: browser.version ?? '',
    os: os.name ?? '',
    osVersion: os.version ?? '',
    device,
    kind: kindOf(platform.type),
  };
}

function kindOf(type: string | undefined): ParsedAgent['kind'] {
  switch (type) {
    case 'bot':
    case 'mobile':
    case 'tablet':
    case 'desktop':
      return type;
    default:
      return 'other';
  }
}
