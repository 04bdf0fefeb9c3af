import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { ApiField, ApiOperation } from '@portico/api-contract/operations';
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { CliError } from '../output/cli-error.ts';
import { nearest } from '../output/nearest.ts';

const defaultUrl = 'http://127.0.0.1:4010';
const deadlineMs = 60_000;

/**
 * `portico api <resource> <verb> [id…] [flags]`: every route of the server's REST API, from the document that the API
 * itself is described by. Prints the status and the answer, indented.
 */
export function apiCommand(context: CliContext): Command {
  return new Command('api')
    .description("Calls the server's REST API.")
    .usage('<resource> <verb> [id…] [flags]')
    .argument('[arguments...]')
    .allowUnknownOption()
    .helpOption(false)
    .addHelpText('after', help)
    .action(async (given: string[]) => {
      const { apiOperations } = await import('@portico/api-contract/operations');
      await callApi(context, apiOperations(), given);
    });
}

const help = `
  portico api --help                       the resources
  portico api reserved-domains             what can be done with one
  portico api reserved-domains create --help
  portico api reserved-domains create --domain www.example.com --description "the shop"
  portico api reserved-domains list --limit 10 --filter 'obj.domain.startsWith("www")'

A field of the kind text also comes from a file: --value-file secret.txt. What is no text is written as JSON.

Flags of every call:
  --api-key KEY       else PORTICO_API_KEY, NGROK_API_KEY, api_key of the configuration file
  --api-url URL       else PORTICO_API_URL, ${defaultUrl}
  --config FILE`;

async function callApi(
  context: CliContext,
  operations: readonly ApiOperation[],
  given: readonly string[],
): Promise<void> {
  const wantsHelp = given.includes('--help') || given.includes('-h');
  const [resource, verb] = given.filter((word) => !word.startsWith('-'));
  const resources = [...new Set(operations.map((operation) => operation.resource))].sort();
  if (resource === undefined) {
    context.stdout.write(`Resources:\n${resources.map((name) => `  ${name}\n`).join('')}${help}\n`);
    return;
  }
  const verbs = operations.filter((operation) => operation.resource === resource);
  if (verbs.length === 0) throw unknown('resource', resource, resources);
  const operation = verbs.find((each) => each.verb === verb);
  if (verb === undefined || (operation === undefined && wantsHelp)) {
    context.stdout.write(`${verbs.map((each) => `  ${usageOf(each)}\n      ${each.summary}\n`).join('')}`);
    return;
  }
  if (operation === undefined) {
    throw unknown(
      'verb',
      verb,
      verbs.map((each) => each.verb),
    );
  }
  if (wantsHelp) {
    context.stdout.write(`${operation.summary}\n\n  ${usageOf(operation)}\n${flagsOf(operation)}`);
    return;
  }
  await send(context, operation, given.slice(given.indexOf(verb) + 1));
}

/** Flags that belong to the call and not to the body. */
const ownFlags = ['api-key', 'api-url', 'config'];

async function send(context: CliContext, operation: ApiOperation, given: readonly string[]): Promise<void> {
  const { values, positionals } = readFlags(operation, given);
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  if (positionals.length !== names.length) {
    throw new CliError(`${names.length === 0 ? 'No argument is wanted here' : `Wanted is: ${usageOf(operation)}`}.`);
  }
  let next = 0;
  const path = operation.path.replace(/\{\w+\}/g, () => encodeURIComponent(positionals[next++] ?? ''));
  const query = new URLSearchParams();
  for (const { name } of operation.query) {
    const [value] = values.get(kebab(name)) ?? [];
    if (value !== undefined) query.set(name, value);
  }
  const body = operation.method === 'GET' || operation.method === 'DELETE' ? null : bodyOf(operation, values);
  const { url, key } = await target(context, values);
  const search = query.size === 0 ? '' : `?${query}`;
  const response = await fetch(`${url}${path}${search}`, {
    method: operation.method,
    headers: {
      authorization: `Bearer ${key}`,
      'ngrok-version': '2',
      'user-agent': `portico/${context.version}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
    redirect: 'error',
    signal: AbortSignal.timeout(deadlineMs),
  }).catch((error: unknown) => {
    throw new CliError(`The API cannot be reached at ${url}. Name another one by --api-url or PORTICO_API_URL.`, {
      cause: error,
    });
  });
  const text = await response.text();
  const answer = parsed(text);
  if (!response.ok) {
    const { msg, error_code: code } = Object(answer);
    throw new CliError(
      `${response.status} ${response.statusText}\n${typeof msg === 'string' ? msg : text.slice(0, 500)}`,
      {
        code: typeof code === 'string' ? code : null,
      },
    );
  }
  context.stdout.write(`${response.status} ${response.statusText}\n`);
  if (text !== '') context.stdout.write(`${answer === undefined ? text : JSON.stringify(answer, null, 2)}\n`);
}

type Values = ReadonlyMap<string, readonly string[]>;

function readFlags(operation: ApiOperation, given: readonly string[]): { values: Values; positionals: string[] } {
  const known = [...ownFlags, ...operation.query.map(({ name }) => kebab(name))];
  for (const { name, kind } of operation.fields)
    known.push(kebab(name), ...(kind === 'text' ? [`${kebab(name)}-file`] : []));
  const options = Object.fromEntries(known.map((name) => [name, { type: 'string', multiple: true } as const]));
  try {
    const { values, positionals } = parseArgs({ args: [...given], options, allowPositionals: true });
    return { values: new Map(Object.entries(values).map(([name, value]) => [name, value ?? []])), positionals };
  } catch (error) {
    const flag = /'-{1,2}([\w-]+)/.exec(error instanceof Error ? error.message : '')?.[1];
    if (flag === undefined || known.includes(flag)) {
      throw new CliError(error instanceof Error ? error.message : String(error), { cause: error });
    }
    throw unknown(
      'flag',
      `--${flag}`,
      known.map((name) => `--${name}`),
    );
  }
}

function bodyOf({ fields }: ApiOperation, values: Values): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of fields) {
    const name = kebab(field.name);
    const given = values.get(name) ?? [];
    const [file] = values.get(`${name}-file`) ?? [];
    if (given.length > 1 && field.kind !== 'texts') throw new CliError(`--${name} was given more than once.`);
    if (file !== undefined) body[field.name] = readText(file);
    else if (given.length > 0) body[field.name] = fieldValue(field, given);
    else if (field.required) throw new CliError(`--${name} is missing.`);
  }
  return body;
}

function fieldValue({ name, kind }: ApiField, given: readonly string[]): unknown {
  const [text = ''] = given;
  const wrong = (wanted: string) => new CliError(`--${kebab(name)} is ${JSON.stringify(text)}; accepted is ${wanted}.`);
  switch (kind) {
    case 'text':
      return text;
    case 'texts':
      return [...given];
    case 'number': {
      const number = Number(text);
      if (text === '' || Number.isNaN(number)) throw wrong('a number');
      return number;
    }
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw wrong('true or false');
      return text === 'true';
    case 'json': {
      const value = parsed(text);
      if (value === undefined) throw wrong('JSON');
      return value;
    }
  }
}

async function target(context: CliContext, values: Values): Promise<{ url: string; key: string }> {
  const { env } = context;
  const last = (name: string) => values.get(name)?.at(-1);
  const url = (last('api-url') ?? env.PORTICO_API_URL ?? defaultUrl).replace(/\/+$/, '');
  if (!/^https?:\/\//.test(url)) throw new CliError(`${url} is not the URL of an API, such as ${defaultUrl}.`);
  const key = last('api-key') ?? env.PORTICO_API_KEY ?? env.NGROK_API_KEY;
  if (key !== undefined && key !== '') return { url, key };
  const { loadConfig } = await import('../config/load-config.ts');
  const { config } = await loadConfig(values.get('config') ?? [], context);
  if (config.apiKey !== undefined) return { url, key: config.apiKey };
  throw new CliError('There is no API key. Make one in the dashboard and run: portico config add-api-key KEY');
}

function usageOf({ resource, verb, path, method, query, fields }: ApiOperation): string {
  const ids = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => `<${name}>`);
  const hasFlags = query.length + fields.length > 0 && method !== 'DELETE';
  return ['portico api', resource, verb, ...ids, ...(hasFlags ? ['[flags]'] : [])].join(' ');
}

function flagsOf({ query, fields }: ApiOperation): string {
  const about = { text: 'TEXT', number: 'NUMBER', boolean: 'true|false', texts: 'TEXT (repeat it)', json: 'JSON' };
  const lines = [
    ...query.map(({ name, about: text }) => `  --${kebab(name)}  ${text}`),
    ...fields.map(({ name, kind, required }) => `  --${kebab(name)} ${about[kind]}${required ? ' (wanted)' : ''}`),
  ];
  return lines.length === 0 ? '' : `\nFlags:\n${lines.join('\n')}\n`;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`${file} cannot be read.`, { cause: error });
  }
}

/** Undefined: no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unknown(what: string, given: string, known: readonly string[]): CliError {
  const meant = nearest(given, [...known]);
  return new CliError(`There is no ${what} ${given}.${meant === null ? '' : ` Did you mean ${meant}?`}`);
}

function kebab(name: string): string {
  return name.replaceAll('_', '-');
}
