/** Labels under the base that belong to the operator: visitors would take them for the service itself. */
const reserved = [
  'www',
  'api',
  'admin',
  'administrator',
  'root',
  'mail',
  'smtp',
  'imap',
  'pop',
  'webmail',
  'mx',
  'postmaster',
  'hostmaster',
  'webmaster',
  'abuse',
  'security',
  'support',
  'help',
  'billing',
  'status',
  'login',
  'signin',
  'signup',
  'sso',
  'auth',
  'oauth',
  'account',
  'accounts',
  'dashboard',
  'console',
  'connect',
  'edge',
  'tunnel',
  'portico',
  'ns',
  'ns1',
  'ns2',
  'dns',
  'autodiscover',
  'autoconfig',
  'wpad',
  'isatap',
  'localhost',
];

const shapes = new Set(reserved.map(shapeOf));

/** Whether the label is kept for the operator, or looks like one that is (`adm1n`, `rnail`, `a-p-i`). */
export function isReservedLabel(label: string): boolean {
  return label.startsWith('_') || shapes.has(shapeOf(label));
}

/** Labels that a person takes for one another have the same shape. */
function shapeOf(label: string): string {
  return label
    .replaceAll('-', '')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replaceAll('0', 'o')
    .replaceAll('3', 'e')
    .replaceAll('4', 'a')
    .replaceAll('5', 's')
    .replaceAll('7', 't')
    .replace(/[1il]/g, 'l');
}
