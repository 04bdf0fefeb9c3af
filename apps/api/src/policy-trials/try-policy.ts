import type { PolicyTrialResource } from '@portico/api-contract/public';
import { type CompiledPolicy, type ExplainedTraffic, type Explanation, explain } from '@portico/traffic-policy';
import { loadPolicy } from '@portico/traffic-policy/validate';

/** A request as a policy sees it, recorded or made up. */
export interface TriedRequest {
  readonly url: URL;
  readonly method: string;
  /** Origin-form. */
  readonly target: string;
  /** `1.1`, `2`. */
  readonly httpVersion: string;
  /** Flat, as received. */
  readonly fields: readonly string[];
  readonly clientIp: string;
  readonly at: Date;
  /** What the app answered, or would; null: the rules for answers are left out. */
  readonly response: { readonly status: number; readonly fields: readonly string[] } | null;
}

export type LoadedForTrial =
  | { readonly kind: 'loaded'; readonly policy: CompiledPolicy }
  | { readonly kind: 'refused'; readonly problems: PolicyTrialResource['problems'] };

/** With the same reader and checks as an endpoint's policy. */
export function loadForTrial(text: string): LoadedForTrial {
  const loaded = loadPolicy(text);
  if (loaded.kind === 'loaded') return loaded;
  const problems = loaded.problems.map(({ name, message, hint, line, column }) => ({
    code: name,
    message,
    hint,
    line,
    column,
  }));
  return { kind: 'refused', problems };
}

export function explainRequest(policy: CompiledPolicy, request: TriedRequest): Explanation {
  return explain(policy, trafficOf(request));
}

function trafficOf({
  url,
  method,
  target,
  httpVersion,
  fields,
  clientIp,
  at,
  response,
}: TriedRequest): ExplainedTraffic {
  const isTls = url.protocol === 'https:';
  const port = Number(url.port || (isTls ? 443 : 80));
  return {
    connection: {
      clientIp,
      clientPort: 0,
      serverIp: '',
      serverPort: port,
      serverRegion: '',
      startedAt: at,
      bytesIn: 0,
      bytesOut: 0,
      tls: isTls
        ? {
            version: '1.3',
            cipherSuite: '',
            sni: url.hostname,
            negotiatedAlpn: httpVersion === '2' ? 'h2' : 'http/1.1',
            sessionResumed: false,
            ja4Fingerprint: null,
            client: null,
            server: null,
          }
        : null,
      ipFacts: () => null,
    },
    endpoint: { id: '', url: url.origin, host: url.hostname, port, protocol: isTls ? 'https' : 'http' },
    request: {
      method,
      scheme: isTls ? 'https' : 'http',
      authority: url.host,
      target,
      version: httpVersion === '2' ? 'HTTP/2.0' : `HTTP/${httpVersion}`,
      fields,
      trailers: [],
      contentLength: null,
      headerReceivedAt: at,
      bodyReceivedAt: null,
    },
    response:
      response === null
        ? null
        : { statusCode: response.status, fields: response.fields, trailers: [], contentLength: null },
  };
}

/** As the REST API shows it. */
export function shownExplanation({ phases, conclusion }: Explanation): Omit<PolicyTrialResource, 'problems'> {
  return {
    conclusion,
    phases: phases.map(({ phase, end, rules }) => ({
      phase,
      end: end.kind,
      rules: rules.map(({ index, name, verdict, expressions, actions }) => ({
        index,
        name,
        verdict,
        expressions: expressions.map(({ source, value, error }) => ({ source, value: asJson(value), error })),
        actions: actions.map(({ type, effect }) => ({ type, effect })),
      })),
    })),
  };
}

type Json = PolicyTrialResource['phases'][number]['rules'][number]['expressions'][number]['value'];

/** Times and numbers beyond JSON become texts. */
function asJson(value: unknown): Json {
  const text = JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? String(one) : one));
  return text === undefined ? null : JSON.parse(text);
}

/** Whether the visitor would get the app's answer. */
export function endOf({ phases }: Explanation): string {
  return phases.find(({ end }) => end.kind !== 'forwarded')?.end.kind ?? 'forwarded';
}
