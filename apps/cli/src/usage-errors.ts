import type { Command, CommanderError, Option } from 'commander';
import { CliError } from './output/cli-error.ts';
import { nearest } from './output/nearest.ts';

/**
 * Flags of ngrok's agent that people bring along. They are known, so that the answer is not "unknown", and refused,
 * since leaving out what guards an endpoint would open it.
 */
const flagsNotYet: ReadonlySet<string> = new Set([
  '--app-protocol',
  '--auth',
  '--basic-auth',
  '--bind-tls',
  '--binding',
  '--cidr-allow',
  '--cidr-deny',
  '--circuit-breaker',
  '--compression',
  '--crt',
  '--host-header',
  '--inspect',
  '--key',
  '--mutual-tls-cas',
  '--oauth',
  '--oauth-allow-domain',
  '--oauth-allow-email',
  '--oauth-client-id',
  '--oauth-client-secret',
  '--oauth-scope',
  '--oidc',
  '--policy-file',
  '--pooling-enabled',
  '--proxy-proto',
  '--region',
  '--remote-addr',
  '--request-header-add',
  '--request-header-remove',
  '--response-header-add',
  '--response-header-remove',
  '--scheme',
  '--terminate-at',
  '--traffic-policy-file',
  '--traffic-policy-url',
  '--ua-filter-allow',
  '--ua-filter-deny',
  '--upstream-protocol',
  '--upstream-proxy-protocol',
  '--upstream-tls-verify',
  '--upstream-tls-verify-cas',
  '--verify-webhook',
  '--verify-webhook-secret',
  '--websocket-tcp-converter',
]);

/** The text of a usage error: what is wrong, what was probably meant, where help is. */
export function explainUsageError(error: CommanderError, args: readonly string[]): string {
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  const option = /^unknown option '(--[^'=]+)/.exec(first)?.[1];
  if (option !== undefined && flagsNotYet.has(option)) {
    return `The flag ${option} is not supported yet. It was not left out silently: nothing was started.`;
  }
  const hints = more.map((line) => line.replace(/^\((.*)\)$/, '$1')).filter((line) => line !== '');
  return [sentence(first), ...hints, `See: portico ${helpPath(args)}--help`].join('\n');
}

/**
 * `-subdomain demo`, as version 1 had it, would be read as a row of short flags. Throws a CliError that names the
 * right form.
 */
export function refuseSingleDash(args: readonly string[], program: Command): void {
  const command = commandOf(args, program);
  const options = [...command.options, ...program.options];
  for (const [index, arg] of args.entries()) {
    if (arg === '--') return;
    if (!/^-[a-z][a-z0-9-]+(=.*)?$/i.test(arg)) continue;
    if (takesNext(args[index - 1], options)) continue;
    const name = arg.slice(1).split('=')[0] ?? '';
    const known = options.map((option) => option.long?.slice(2) ?? '');
    const meant = known.includes(name) ? name : (nearest(name, known) ?? name);
    const value = arg.includes('=') ? `=${arg.slice(arg.indexOf('=') + 1)}` : '';
    throw new CliError(`A flag has two dashes: write --${meant}${value} instead of ${arg}.`);
  }
}

function takesNext(arg: string | undefined, options: readonly Option[]): boolean {
  if (arg === undefined || arg.includes('=')) return false;
  return options.some((option) => (option.long === arg || option.short === arg) && option.required);
}

function commandOf(args: readonly string[], program: Command): Command {
  let command = program;
  for (const arg of args) {
    const child = command.commands.find((each) => each.name() === arg || each.aliases().includes(arg));
    if (child !== undefined) command = child;
  }
  return command;
}

function helpPath(args: readonly string[]): string {
  const words = args.filter((arg) => /^[a-z][a-z-]*$/.test(arg));
  const [first, second] = words;
  if (first === undefined || !['http', 'tcp', 'tls', 'start', 'config', 'version'].includes(first)) return '';
  return first === 'config' && second !== undefined && /^(add-|check)/.test(second) ? `config ${second} ` : `${first} `;
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
