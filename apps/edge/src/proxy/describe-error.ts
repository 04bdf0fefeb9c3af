import { type PorticoError, visitorText } from '@portico/errors';
import type { ErrorPage, Rich } from './error-page.ts';
import type { ErrorCircumstances } from './error-response.ts';
import type { Exchange } from './exchange.ts';

type Description = Omit<ErrorPage, 'status' | 'reason' | 'code' | 'requestId' | 'at' | 'links'>;
type Steps = ErrorPage['steps'];
type Wording = Pick<ErrorPage, 'breaksAt' | 'fault' | 'sentence' | 'visiting' | 'steps'>;

/** What the page says: where the path broke, why, and what either reader can do about it. */
export function describeError({
  exchange,
  error,
  circumstances,
  edgeName,
  baseDomain,
  showDetails,
}: {
  exchange: Exchange;
  error: PorticoError;
  circumstances: ErrorCircumstances;
  edgeName: string;
  baseDomain: string;
  showDetails: boolean;
}): Description {
  const { visitor, request } = exchange;
  const { endpoint, member, failure } = circumstances;
  const host = request.hostname === '' ? 'this server' : request.hostname;
  const agentName = showDetails ? (member?.agentName.slice(0, NAME_CHARACTERS_MAX) ?? null) : null;
  const upstream = showDetails ? upstreamAddress(endpoint?.forwardsTo ?? '') : null;
  const naming = nameFlag(visitor.scheme, host, baseDomain);
  const words = wording({ error, host, agentName, upstream, naming, reason: failureReason(failure), showDetails });
  const agentReached = words.breaksAt === 'agent-app' || words.breaksAt === 'app';
  return {
    host,
    title: error.entry.title,
    you: visitor.address,
    edge: edgeName,
    agent: error.code === 3200 ? 'not connected' : agentName,
    app: error.code === 3200 ? 'unknown' : agentReached ? (upstream?.text ?? null) : null,
    transport: visitor.tlsVersion?.replace('TLSv', 'TLS ') ?? null,
    ...words,
  };
}

/** What agents call themselves and their upstreams has no limit of its own. */
const NAME_CHARACTERS_MAX = 100;

interface Upstream {
  /** As the agent put it: `localhost:3000`, `https://10.0.0.5:8443`. */
  readonly text: string;
  readonly host: string | null;
  readonly port: number | null;
}

/** What an agent calls its upstream is its own text: a host and port are taken from it only where they are plain. */
function upstreamAddress(forwardsTo: string): Upstream {
  const match = /^(?:[a-z0-9+.-]+:\/\/)?(?:(\[[0-9a-f:.]+\]|[a-z0-9.-]+):)?([0-9]{1,5})\/?$/i.exec(forwardsTo);
  const port = match === null ? null : Number(match[2]);
  return { text: forwardsTo.slice(0, NAME_CHARACTERS_MAX), host: match?.[1] ?? null, port };
}

interface Subject {
  readonly error: PorticoError;
  readonly host: string;
  readonly agentName: string | null;
  readonly upstream: Upstream | null;
  /** `--subdomain demo` or `--url https://…` */
  readonly naming: string;
  readonly reason: Reason;
  readonly showDetails: boolean;
}

function wording(subject: Subject): Wording {
  const { error, host, agentName, upstream, naming, reason } = subject;
  const theAgent: Rich = agentName === null ? ['the agent'] : ['the agent on ', { strong: agentName }];
  const theApp: Rich = upstream === null || upstream.text === '' ? ['the app'] : [{ code: upstream.text }];
  switch (error.code) {
    case 3200:
      return {
        breaksAt: 'edge-agent',
        fault: 'no agent',
        sentence: [{ code: host }, ' leads to the right server, but no agent serves this name at the moment.'],
        visiting:
          'Check the spelling of the address. If it is right, the person who shares it may be offline: try later, or ask them.',
        steps: [{ text: 'Start a tunnel under this name:', command: `portico http 3000 ${naming}` }],
      };
    case 8012:
      return {
        breaksAt: 'agent-app',
        fault: reason.short,
        sentence: ['Your request reached ', ...theAgent, '. The agent tried ', ...theApp, ` and ${reason.long}`],
        visiting: NOT_YOURS,
        steps: dialSteps(upstream, naming),
      };
    case 3004:
      return {
        breaksAt: 'app',
        fault: 'not HTTP',
        sentence: [
          'Your request reached ',
          ...theApp,
          ', and what came back cannot be read as HTTP. Often such an app speaks TLS.',
        ],
        visiting: NOT_YOURS,
        steps:
          upstream?.port == null
            ? []
            : [
                {
                  text: 'Does the app speak TLS? Tell the agent:',
                  command: `portico http https://${upstream.host ?? 'localhost'}:${upstream.port} ${naming}`,
                },
              ],
      };
    case 3005:
      return {
        breaksAt: 'app',
        fault: 'too slow',
        sentence: ['Your request reached ', ...theApp, `, but no answer came within ${error.details.seconds} seconds.`],
        visiting:
          'Nothing is wrong on your side. What you asked for may still be going on: wait a moment before you try again.',
        steps: [{ text: 'See what the app is doing; it was sent the request and is silent since.', command: null }],
      };
    case 3006:
      return {
        breaksAt: 'app',
        fault: 'closed',
        sentence: ['Your request reached ', ...theApp, ', which closed the connection without an answer.'],
        visiting: NOT_YOURS,
        steps: [
          {
            text: 'Look into the log of the app: it may have crashed on this request, or be restarting.',
            command: null,
          },
        ],
      };
    case 3210:
      return {
        breaksAt: 'edge-agent',
        fault: 'no answer',
        sentence: ['An agent serves ', { code: host }, ', but it did not take the request in time.'],
        visiting: NOT_YOURS,
        steps: [{ text: 'See whether the machine of the agent is asleep, or its network slow.', command: null }],
      };
    case 742:
      return {
        breaksAt: 'edge-agent',
        fault: 'restarting',
        sentence: ['This server is restarting. It takes new requests again in a moment.'],
        visiting: 'Nothing is wrong on your side. Wait a few seconds and try again.',
        steps: [],
      };
    case 734:
    case 743:
      return {
        breaksAt: error.code === 743 ? 'edge' : 'edge-agent',
        fault: 'too busy',
        sentence: [visitorText(error.code, error.details)],
        visiting: 'Nothing is wrong on your side. Wait a moment and try again.',
        steps: [],
      };
    default:
      return {
        breaksAt: 'edge',
        fault: error.entry.family === 'internal' ? 'failed' : 'refused',
        sentence: [visitorText(error.code, error.details)],
        visiting: error.entry.family === 'internal' ? NOT_YOURS : 'Check the address, then try again.',
        steps: [],
      };
  }
}

const NOT_YOURS =
  'Nothing is wrong on your side. Wait a moment and try again, or tell the person who sent you this link.';

function dialSteps(upstream: Upstream | null, naming: string): Steps {
  if (upstream?.port == null)
    return [{ text: 'Start the app, and check that the agent was given its address.', command: null }];
  const { host, port } = upstream;
  const isHere = host === null || host === 'localhost' || host === '127.0.0.1';
  return [
    {
      text: `Start the app. Check that it listens on port ${port}:`,
      command: isHere ? `lsof -i :${port}` : `nc -vz ${host?.replace(/^\[|\]$/g, '')} ${port}`,
    },
    { text: 'It listens on another port? Tell the agent:', command: `portico http 3000 ${naming}` },
    ...(isHere
      ? [
          {
            text: 'It listens only on IPv6, as some dev servers do?',
            command: `portico http http://[::1]:${port} ${naming}`,
          },
        ]
      : []),
  ];
}

/** How an agent is told this very name. */
function nameFlag(scheme: 'http' | 'https', host: string, baseDomain: string): string {
  const label = baseDomain !== '' && host.endsWith(`.${baseDomain}`) ? host.slice(0, -baseDomain.length - 1) : null;
  if (scheme === 'https' && label !== null && !label.includes('.')) return `--subdomain ${label}`;
  return `--url ${scheme}://${host}`;
}

interface Reason {
  readonly short: string;
  readonly long: string;
}

function failureReason(failure: ErrorCircumstances['failure']): Reason {
  if (failure?.kind !== 'refused') return { short: 'unreachable', long: 'could not reach it.' };
  const { code, message } = failure.refusal;
  switch (code) {
    case 'DIAL_REFUSED':
      return { short: 'refused', long: 'was refused: nothing is listening on that port.' };
    case 'DIAL_TIMEOUT':
      return { short: 'no answer', long: 'got no answer in time.' };
    case 'DENIED':
      return { short: 'not allowed', long: 'may not connect to it.' };
    default:
      return { short: 'unreachable', long: `could not reach it: ${message.slice(0, 200)}.` };
  }
}
