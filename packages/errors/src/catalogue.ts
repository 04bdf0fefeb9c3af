/**
 * Every error that Portico shows to anyone: one entry a code. The numbers are those that ngrok's users
 * and scripts already know (`ERR_NGROK_<n>`).
 *
 * - `status` is the HTTP status wherever the error travels over HTTP.
 * - `family` tells who has to act: the caller, nobody-answers, the upstream, or we.
 * - `visitor` is shown to anyone on the internet: it names no tenant, no address, no agent.
 * - `owner` is shown to the person whose endpoint, agent or account it is; `{name}` is filled in.
 */
export interface ErrorEntry {
  readonly status: number;
  readonly family: 'caller' | 'offline' | 'upstream' | 'internal';
  readonly title: string;
  readonly visitor: string;
  readonly owner: string;
}

const entry = (
  status: number,
  family: ErrorEntry['family'],
  title: string,
  visitor: string,
  owner: string,
): ErrorEntry => ({ status, family, title, visitor, owner });

const notForVisitors = 'This request cannot be served.';

export const catalogue = {
  // Agent: authentication
  105: entry(
    401,
    'caller',
    'Malformed authtoken',
    notForVisitors,
    'The authtoken {token} does not have the form of one. Copy it again from the dashboard, or run: portico config add-authtoken TOKEN',
  ),
  107: entry(
    401,
    'caller',
    'Unknown authtoken',
    notForVisitors,
    'No account has the authtoken {token}. It may have been deleted, or belong to another server.',
  ),
  108: entry(
    403,
    'caller',
    'Too many agent sessions',
    notForVisitors,
    'This account may run {limit} agents at once and {count} are online. Stop one first.',
  ),
  109: entry(
    400,
    'caller',
    'Bad authentication message',
    notForVisitors,
    'The agent sent an authentication message that cannot be read: {reason}.',
  ),
  110: entry(
    400,
    'caller',
    'Bad session cookie',
    notForVisitors,
    'The session cookie that the agent sent is not valid here.',
  ),
  111: entry(
    400,
    'caller',
    'Bad heartbeat interval',
    notForVisitors,
    'The heartbeat interval {value} is not accepted; give 1s to 1h.',
  ),
  112: entry(
    400,
    'caller',
    'Bad heartbeat tolerance',
    notForVisitors,
    'The heartbeat tolerance {value} is not accepted; give 1s to 1h.',
  ),
  121: entry(
    400,
    'caller',
    'Agent too old',
    notForVisitors,
    'This agent speaks the protocol versions {versions}; this server speaks 3.',
  ),
  206: entry(
    401,
    'caller',
    'Authtoken where an API key is expected',
    notForVisitors,
    'This is an authtoken, which only agents use. The API wants an API key.',
  ),
  207: entry(
    401,
    'caller',
    'API key where an authtoken is expected',
    notForVisitors,
    'This is an API key. An agent wants an authtoken.',
  ),
  300: entry(
    401,
    'caller',
    'Authtoken revoked',
    notForVisitors,
    'The authtoken {token} was revoked. Take another one from the dashboard.',
  ),
  // Agent: endpoints
  307: entry(
    403,
    'caller',
    'Address not reserved',
    notForVisitors,
    'The address {address} is not reserved by this account.',
  ),
  308: entry(
    403,
    'caller',
    'Not allowed by the authtoken',
    notForVisitors,
    'The rules of this authtoken do not allow {name}. They allow: {allowed}.',
  ),
  309: entry(
    403,
    'caller',
    'Address of another account',
    notForVisitors,
    'The address {address} belongs to another account.',
  ),
  310: entry(
    400,
    'caller',
    'Option not supported',
    notForVisitors,
    'This server does not support the endpoint option {option} yet, and will not drop it silently.',
  ),
  318: entry(
    403,
    'caller',
    'Wildcard not reserved',
    notForVisitors,
    'The wildcard {host} is not reserved by this account. Reserve exactly this name first.',
  ),
  319: entry(
    403,
    'caller',
    'Domain not reserved',
    notForVisitors,
    'The domain {host} is not reserved by this account and does not lie under {base}.',
  ),
  320: entry(
    403,
    'caller',
    'Domain of another account',
    notForVisitors,
    'The domain {host} belongs to another account. Choose another name.',
  ),
  324: entry(403, 'caller', 'Too many endpoints', notForVisitors, 'One agent session may open {limit} endpoints.'),
  326: entry(
    400,
    'caller',
    'Invalid domain',
    notForVisitors,
    'The name {host} is not a domain: {reason}. Accepted are letters, digits and hyphens, up to 63 a label, separated by dots.',
  ),
  328: entry(
    400,
    'caller',
    'Invalid subdomain',
    notForVisitors,
    'The subdomain {subdomain} is not accepted: {reason}. Accepted are letters, digits and hyphens, 1 to 63, not first or last a hyphen.',
  ),
  329: entry(
    400,
    'caller',
    'Invalid port',
    notForVisitors,
    'The port {port} is not accepted. This server gives out {range}.',
  ),
  330: entry(
    400,
    'caller',
    'Invalid scheme',
    notForVisitors,
    'The scheme of {url} is not accepted here: an endpoint of kind {proto} takes {accepted}.',
  ),
  332: entry(
    400,
    'caller',
    'Unknown protocol',
    notForVisitors,
    'The protocol {proto} is not known. Accepted are http, https, tcp and tls.',
  ),
  334: entry(
    409,
    'caller',
    'Endpoint already online',
    notForVisitors,
    '{url} is online already. Stop it where it runs, or choose another name.',
  ),
  335: entry(
    400,
    'caller',
    'Bad bind token',
    notForVisitors,
    'The token with which the agent wants to take {id} back is not valid.',
  ),
  341: entry(
    403,
    'caller',
    'Reserved name',
    notForVisitors,
    'The name {host} is kept for the operator of this server. Choose another one.',
  ),
  349: entry(
    429,
    'caller',
    'Too many binds',
    notForVisitors,
    'This agent session opens endpoints too fast: {burst} at once, then {perSecond} a second. Try again in a moment.',
  ),
  355: entry(503, 'internal', 'No port free', notForVisitors, 'All ports of the range {range} are taken.'),
  4018: entry(
    401,
    'caller',
    'Authtoken missing',
    notForVisitors,
    'No authtoken is known. Take one from the dashboard of your server and run: portico config add-authtoken TOKEN',
  ),
  9037: entry(400, 'caller', 'Invalid URL', notForVisitors, 'The URL {url} is not accepted: {reason}.'),
  // REST API
  200: entry(401, 'caller', 'API key missing', notForVisitors, 'Send an API key: authorization: Bearer API_KEY'),
  201: entry(
    401,
    'caller',
    'Authorization header not understood',
    notForVisitors,
    'The authorization header is neither Bearer nor Basic.',
  ),
  202: entry(401, 'caller', 'Malformed API key', notForVisitors, 'The API key does not have the form of one.'),
  203: entry(401, 'caller', 'Unknown API key', notForVisitors, 'No account has this API key.'),
  205: entry(403, 'caller', 'Account suspended', notForVisitors, 'This account is suspended. Ask the operator.'),
  208: entry(
    401,
    'caller',
    'Key id where an API key is expected',
    notForVisitors,
    'This is the id of an API key, not the key.',
  ),
  210: entry(
    415,
    'caller',
    'Wrong content type',
    notForVisitors,
    'Send JSON with content-type: application/json, not {type}.',
  ),
  213: entry(400, 'caller', 'Body is not JSON', notForVisitors, 'The body cannot be parsed as JSON: {reason}.'),
  214: entry(
    400,
    'caller',
    'Unknown field',
    notForVisitors,
    'The field {field} is not known here. Known are: {known}.',
  ),
  215: entry(400, 'caller', 'Invalid field', notForVisitors, '{field}: {reason}.'),
  217: entry(
    400,
    'caller',
    'Unknown API version',
    notForVisitors,
    'The header ngrok-version is {version}; accepted is 2.',
  ),
  226: entry(
    429,
    'caller',
    'Too many API requests',
    notForVisitors,
    'More than {limit} API requests a minute. Again in {seconds} s.',
  ),
  231: entry(400, 'caller', 'Unknown query parameter', notForVisitors, 'The query parameter {name} is not known here.'),
  232: entry(
    400,
    'caller',
    'Repeated query parameter',
    notForVisitors,
    'The query parameter {name} was given more than once.',
  ),
  233: entry(400, 'caller', 'Invalid limit', notForVisitors, 'limit is {value}; accepted is 1 to 100.'),
  250: entry(400, 'caller', 'Filter not supported', notForVisitors, 'The filter cannot be used: {reason}.'),
  404: entry(404, 'caller', 'Not found', 'There is nothing here.', 'There is no {what} {id}.'),
  409: entry(409, 'caller', 'Conflict', notForVisitors, '{reason}.'),
  // Sign-in
  4001: entry(401, 'caller', 'Sign-in failed', 'E-mail or password is wrong.', 'E-mail or password is wrong.'),
  4002: entry(
    429,
    'caller',
    'Too many tries',
    'Too many tries. Again in {seconds} s.',
    'Too many tries. Again in {seconds} s.',
  ),
  4003: entry(401, 'caller', 'Signed out', 'Sign in first.', 'Sign in first.'),
  4004: entry(
    403,
    'caller',
    'Refused origin',
    'This request did not come from the dashboard.',
    'This request did not come from the dashboard.',
  ),
  // Visitors
  400: entry(
    400,
    'caller',
    'This request is not valid HTTP',
    'The request was refused: {reason}.',
    'The request was refused: {reason}.',
  ),
  3002: entry(
    400,
    'caller',
    'TLS handshake failed',
    'The TLS handshake failed.',
    'The TLS handshake failed: {reason}.',
  ),
  3004: entry(
    502,
    'upstream',
    'The app sent something that is not HTTP',
    'The app behind this address sent an answer that cannot be read.',
    'The upstream {upstream} sent an answer that is not valid HTTP: {reason}. If it speaks TLS, name it as https://.',
  ),
  3005: entry(
    504,
    'upstream',
    'The app took too long',
    'The app behind this address did not answer in time.',
    'The upstream {upstream} sent no answer within {seconds} s.',
  ),
  3006: entry(
    502,
    'upstream',
    'The app closed the connection',
    'The app behind this address closed the connection without an answer.',
    'The upstream {upstream} closed the connection before it answered.',
  ),
  3200: entry(
    404,
    'offline',
    'Nothing is online at this address',
    'Nothing is online at {host}.',
    'No agent serves {host} now. Start one: portico http 3000 --url {url}',
  ),
  3210: entry(
    504,
    'offline',
    'The agent is out of reach',
    'The tunnel to this address does not answer.',
    'The agent of {host} did not take the request within {seconds} s.',
  ),
  742: entry(
    503,
    'internal',
    'This server is restarting',
    'This server is restarting. Try again in a moment.',
    'The edge is draining.',
  ),
  743: entry(
    503,
    'internal',
    'Too busy',
    'This server is too busy. Try again in a moment.',
    'The edge sheds load: {reason}.',
  ),
  734: entry(
    503,
    'offline',
    'Too many requests at once',
    'Too many requests are open at this address. Try again in a moment.',
    'The agent of {host} carries {limit} requests at once and {waiting} more wait.',
  ),
  421: entry(
    421,
    'caller',
    'Wrong connection for this host',
    'This connection was made for another host name.',
    'The TLS server name {sni} and the host {host} differ.',
  ),
  8012: entry(
    502,
    'upstream',
    'The tunnel is up, but the app behind it is not answering',
    'The tunnel is up, but the app behind it is not answering.',
    'The agent could not reach {upstream}: {reason}.',
  ),
  // We are broken
  500: entry(
    500,
    'internal',
    'Portico failed',
    'This server made a mistake. It was recorded.',
    'Internal error, recorded as {id}.',
  ),
  503: entry(
    503,
    'internal',
    'Not available now',
    'Not available for the moment. Try again in {seconds} s.',
    '{what} is not available for the moment. Try again in {seconds} s.',
  ),
} as const satisfies Record<number, ErrorEntry>;

export type ErrorCode = keyof typeof catalogue;
