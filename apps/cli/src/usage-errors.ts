import type { Command, CommanderError, Option } from 'commander';
import { CliError } from './output/cli-error.ts';
import { nearest } from './output/nearest.ts';

/** Known flags that cannot be honoured: left out silently they would open what they guard. */
const refusedFlags: Readonly<Record<string, string>> = {
  '--websocket-tcp-converter': 'has no counterpart here',
  '--label': 'belongs to labelled tunnels, which are gone',
};

/** Flags of version 1, and what they are today. */
const firstFlags: Readonly<Record<string, string>> = {
  httpauth: '--basic-auth',
  proto: 'the command: portico http, portico tcp or portico tls',
  hostname: '--hostname',
};

/** The text of a usage error: what is wrong, what was probably meant, where help is. */
export function explainUsageError(error: CommanderError, args: readonly string[]): string {
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  const option = /^unknown option '(--[^'=]+)/.exec(first)?.[1];
  const refused = option === undefined ? undefined : refusedFlags[option];
  if (refused !== undefined) {
    return `The flag ${option} ${refused}. It was not left out silently: nothing was started.`;
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
    const first = Object.hasOwn(firstFlags, name) ? firstFlags[name] : undefined;
    if (first !== undefined && first !== `--${name}`) throw new CliError(`-${name} is ${first} today.`);
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

const commandNames: ReadonlySet<string> = new Set([
  'api',
  'build-client',
  'completion',
  'config',
  'diagnose',
  'http',
  'service',
  'start',
  'tcp',
  'tls',
  'version',
]);

function helpPath(args: readonly string[]): string {
  const words = args.filter((arg) => /^[a-z][a-z-]*$/.test(arg));
  const [first, second] = words;
  if (first === undefined || !commandNames.has(first)) return '';
  return first === 'config' && second !== undefined && /^(add-|check|edit|upgrade)/.test(second)
    ? `config ${second} `
    : `${first} `;
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
