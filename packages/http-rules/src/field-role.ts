/**
 * What a field is to a proxy. Everything that is not `ordinary` is decided about by the edge, never passed on
 * unseen.
 *
 * - `connection`, `te`, `upgrade`: read, then written anew or left out
 * - `hop`: concerns one connection only (RFC 9110 section 7.6.1)
 * - `host`, `content-length`, `transfer-encoding`, `expect`: written anew from the checked head
 * - `forwarded`: tells where a request came from
 * - `platform`: by which the platform itself speaks
 */
export type FieldRole =
  | 'ordinary'
  | 'connection'
  | 'te'
  | 'upgrade'
  | 'hop'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'expect'
  | 'forwarded'
  | 'platform';

const SPECIAL: Readonly<Record<string, FieldRole>> = {
  connection: 'connection',
  te: 'te',
  upgrade: 'upgrade',
  'keep-alive': 'hop',
  'proxy-connection': 'hop',
  'proxy-authenticate': 'hop',
  'proxy-authorization': 'hop',
  'http2-settings': 'hop',
  host: 'host',
  'content-length': 'content-length',
  'transfer-encoding': 'transfer-encoding',
  expect: 'expect',
  forwarded: 'forwarded',
  'x-real-ip': 'forwarded',
  'x-forwarded-for': 'forwarded',
  'x-forwarded-host': 'forwarded',
  'x-forwarded-port': 'forwarded',
  'x-forwarded-proto': 'forwarded',
};

const known: ReadonlyMap<string, FieldRole> = knownNames();

/** Takes a name in any case. Names with `_` have the role of the name with `-`, which CGI and its heirs confuse. */
export function fieldRole(name: string): FieldRole {
  // Most names are out by their first letter and length: a look-up would cost more than the rest of the rewriting.
  const { length } = name;
  switch (name.charCodeAt(0) | 0x20) {
    case 0x63: // Connection, Content-Length
      if (length !== 10 && length !== 14) return 'ordinary';
      break;
    case 0x65: // Expect
      if (length !== 6) return 'ordinary';
      break;
    case 0x66: // Forwarded
      if (length !== 9) return 'ordinary';
      break;
    case 0x68: // Host, HTTP2-Settings
      if (length !== 4 && length !== 14) return 'ordinary';
      break;
    case 0x6b: // Keep-Alive
      if (length !== 10) return 'ordinary';
      break;
    case 0x74: // TE, Transfer-Encoding
      if (length !== 2 && length !== 17) return 'ordinary';
      break;
    case 0x75: // Upgrade
      if (length !== 7) return 'ordinary';
      break;
    case 0x6e: // ngrok-*
    case 0x70: // Proxy-*, portico-*
    case 0x78: // X-Real-IP, X-Forwarded-*
      break;
    default:
      return 'ordinary';
  }
  return known.get(name) ?? unusualRole(name);
}

/** A `_` spelling of a name with a role. Such a field is always dropped: nobody but an attacker writes it. */
export function isDisguised(name: string): boolean {
  return name.includes('_');
}

/** Of a platform field in lower case. `ngrok-skip-browser-warning` is said by visitors, not by the platform. */
function unusualRole(name: string): FieldRole {
  const lower = name.toLowerCase().replaceAll('_', '-');
  if (Object.hasOwn(SPECIAL, lower)) return SPECIAL[lower] ?? 'ordinary';
  if (lower.startsWith('x-forwarded-')) return 'forwarded';
  if (lower.startsWith('portico-')) return 'platform';
  if (lower.startsWith('ngrok-') && lower !== 'ngrok-skip-browser-warning') return 'platform';
  return 'ordinary';
}

function knownNames(): ReadonlyMap<string, FieldRole> {
  const names = new Map<string, FieldRole>();
  const add = (name: string, role: FieldRole): void => {
    names.set(name, role);
    names.set(
      name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      role,
    );
  };
  for (const [name, role] of Object.entries(SPECIAL)) add(name, role);
  return names;
}
