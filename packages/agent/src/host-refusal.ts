import type { Fields } from '@portico/http1';
import { fieldOf } from './capture/captured-message.ts';
import type { NetworkAddress } from './upstream-address.ts';

/** Something about an endpoint that its owner can mend, and how. */
export interface Finding {
  readonly kind: 'host-refused' | 'origin-refused' | 'speaks-tls' | 'speaks-plain';
  /** Name of the endpoint. */
  readonly endpoint: string;
  /** What happens, one sentence. */
  readonly summary: string;
  /** The line to paste, or the command to run. */
  readonly fix: string;
}

export interface SeenAnswer {
  readonly endpoint: string;
  /** What the upstream got as Host, without port. */
  readonly host: string;
  readonly target: string;
  readonly status: number;
  readonly fields: Fields;
  /** The first bytes of the body. */
  readonly bodyStart: string;
}

/** How much of a body is read for this; Django's page has its text behind a long style sheet. */
export const refusalBodyBytes = 65_536;

/** Whether an answer with this status may be a refusal that is worth reading the body for. */
export function mayRefuse(status: number, fields: Fields): boolean {
  return status === 400 || status === 403 || (status === 200 && fieldOf(fields, 'content-length') === '19');
}

/**
 * Recognises the development servers that refuse a Host they do not know, which every public URL is at first, and
 * names the one line that lets it in. Null for any other answer. The texts are those of Vite 4 to 8, webpack-dev-server
 * 3 to 5, Next 15 and 16, Rails 6 to 8 and Django 3 to 5.
 */
export function hostRefusal(answer: SeenAnswer): Finding | null {
  const { endpoint, host, target, status, bodyStart } = answer;
  const refused = (tool: string, fix: string): Finding => ({
    kind: 'host-refused',
    endpoint,
    summary: `${tool} refuses this Host.`,
    fix,
  });
  if (status === 403 && bodyStart.includes('Blocked request. This host')) {
    return refused('Vite', `In vite.config:  server: { allowedHosts: ["${host}"] }`);
  }
  if (bodyStart.trim() === 'Invalid Host header') {
    return refused('webpack', `In webpack.config:  devServer: { allowedHosts: ["${host}"] }`);
  }
  if (status === 403 && /Blocked hosts?:/.test(bodyStart)) {
    return refused('Rails', `In config/environments/development.rb:  config.hosts << "${host}"`);
  }
  if (status === 400 && (bodyStart.includes('DisallowedHost') || bodyStart.includes('Invalid HTTP_HOST header'))) {
    return refused('Django', `In settings.py:  ALLOWED_HOSTS = ["${host}"]`);
  }
  if (status === 403 && bodyStart.trim() === 'Unauthorized' && /^\/_{1,2}next/.test(target)) {
    return {
      kind: 'origin-refused',
      endpoint,
      summary: 'Next refuses this origin.',
      fix: `In next.config:  allowedDevOrigins: ["${host}"]`,
    };
  }
  return null;
}

/** What servers of TLS ports answer to plain HTTP, in words or as a TLS alert. */
export function answersAsTls(firstBytes: Buffer): boolean {
  if (firstBytes[0] === 0x15 && firstBytes[1] === 0x03) return true;
  return /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL-enabled/i.test(
    firstBytes.toString('latin1'),
  );
}

export function speaksTlsFinding(endpoint: string, address: NetworkAddress | null): Finding {
  const url = address?.text.replace(/^http:/, 'https:') ?? 'https://localhost:8443';
  return {
    kind: 'speaks-tls',
    endpoint,
    summary: 'The upstream speaks TLS on this port.',
    fix: `Start with https:// before the address:  portico http ${url}`,
  };
}
