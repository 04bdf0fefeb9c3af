import { ACTION_DEFINITIONS } from '../packages/traffic-policy/src/actions/catalogue.ts';
import { ConfigReader } from '../packages/traffic-policy/src/document/config-reader.ts';
import { formatDuration } from '../packages/traffic-policy/src/document/duration.ts';
import type { Phase } from '../packages/traffic-policy/src/document/phase.ts';
import { Problems } from '../packages/traffic-policy/src/document/problem.ts';

interface Field {
  readonly name: string;
  /** `${…}` is filled in. */
  readonly filled: boolean;
  readonly text: string;
}

type Arguments<Method extends keyof ConfigReader> = ConfigReader[Method] extends (...given: infer Given) => unknown
  ? Given
  : never;

/** Reads the configuration of nothing, and writes down which fields were asked for: the readers are the one list. */
class FieldRecorder extends ConfigReader {
  readonly fields: Field[];
  readonly #prefix: string;
  readonly #action: string;
  readonly #optional = new Set<string>();

  constructor(action: string, phase: Phase, fields: Field[] = [], prefix = '') {
    super(null, { action, phase, problems: new Problems('', 0) }, '', 0);
    this.fields = fields;
    this.#prefix = prefix;
    this.#action = action;
  }

  /** Fields that are read only where they are given are read too. */
  override has(name: string): boolean {
    this.#optional.add(name);
    return true;
  }

  override text(...[name, rules]: Arguments<'text'>) {
    this.#note(name, 'text', { required: rules?.required === true });
    return super.text(name, rules);
  }

  override textList(...[name, rules]: Arguments<'textList'>) {
    this.#note(name, `texts${range(rules)}`, { required: (rules?.min ?? 0) > 0 });
    return super.textList(name, rules);
  }

  override boolean(...[name, fallback]: Arguments<'boolean'>) {
    this.#note(name, `true or false; ${fallback}`);
    return super.boolean(name, fallback);
  }

  override number(...[name, rules]: Arguments<'number'>) {
    const fallback = rules.fallback === undefined ? '' : `; ${rules.fallback}`;
    this.#note(name, `${rules.min} to ${rules.max}${fallback}`, { required: rules.fallback === undefined });
    return super.number(name, rules);
  }

  override duration(...[name, rules]: Arguments<'duration'>) {
    const isKnown = rules.fallbackMs === undefined || this.#optional.has(name);
    const fallback = isKnown ? '' : `; ${formatDuration(rules.fallbackMs ?? 0)}`;
    const span = `${formatDuration(rules.minMs)} to ${formatDuration(rules.maxMs)}`;
    this.#note(name, `${span}${fallback}`, { required: rules.fallbackMs === undefined });
    return super.duration(name, rules);
  }

  override choice<const Choice extends string>(
    name: string,
    choices: readonly Choice[],
    fallback: Choice | null,
  ): Choice {
    const shown = choices.length > 8 ? `one of ${choices.length}` : choices.join(', ');
    this.#note(name, fallback === null ? shown : `${shown}; ${fallback}`, { required: fallback === null });
    return super.choice(name, choices, fallback);
  }

  override choiceList<const Choice extends string>(
    name: string,
    accepted: readonly Choice[],
    ...[code, rules]: [Parameters<ConfigReader['problem']>[0], Parameters<ConfigReader['choiceList']>[3]?]
  ): Choice[] {
    this.#note(name, `some of ${accepted.join(', ')}`, { required: (rules?.min ?? 0) > 0 });
    return super.choiceList(name, accepted, code, rules);
  }

  override template(...[name, rules]: Arguments<'template'>) {
    this.#note(name, 'text', { filled: true, required: rules?.required === true });
    return super.template(name, rules);
  }

  override templateList(...[name, rules]: Arguments<'templateList'>) {
    this.#note(name, `texts${range(rules)}`, { filled: true, required: (rules?.min ?? 0) > 0 });
    return super.templateList(name, rules);
  }

  override templateMap(...[name, rules]: Arguments<'templateMap'>) {
    this.#note(name, `map${range(rules)}`, { filled: true });
    return super.templateMap(name, rules);
  }

  override headers(...[name, rules]: Arguments<'headers'>) {
    this.#note(name, `map${range(rules)}`, { filled: true, required: (rules.min ?? 0) > 0 });
    return super.headers(name, rules);
  }

  override headerNames(...[name, rules]: Arguments<'headerNames'>) {
    this.#note(name, `names${range(rules)}`, { required: (rules.min ?? 0) > 0 });
    return super.headerNames(name, rules);
  }

  override regex(...[name, required]: Arguments<'regex'>) {
    this.#note(name, 'regular expression', { filled: true, required });
    return super.regex(name, required);
  }

  override predicate(...[name, language]: Arguments<'predicate'>) {
    this.#note(name, 'expression');
    return super.predicate(name, language);
  }

  override expressions(...[name, rules]: Arguments<'expressions'>) {
    this.#note(name, `expressions${range(rules)}`, { required: (rules.min ?? 0) > 0 });
    return super.expressions(name, rules);
  }

  override reader(name: string): ConfigReader {
    return this.#inside(`${name}.`);
  }

  override readers(name: string): readonly ConfigReader[] {
    return [this.#inside(`${name}[].`)];
  }

  override node(name: string) {
    this.#note(name, 'see the example policies', { filled: true });
    return super.node(name);
  }

  #inside(prefix: string): FieldRecorder {
    return new FieldRecorder(this.#action, this.phase, this.fields, this.#prefix + prefix);
  }

  #note(name: string, text: string, { filled = false, required = false } = {}): void {
    const field = this.#prefix + name;
    if (this.fields.some((known) => known.name === field)) return;
    this.fields.push({ name: field, filled, text: required ? `${text}, required` : text });
  }
}

function range(rules: { readonly min?: number; readonly max?: number } | undefined): string {
  const { min = 0, max } = rules ?? {};
  if (max === undefined) return '';
  return min > 0 ? ` (${min} to ${max})` : ` (up to ${max})`;
}

/** Every action with its phases and fields, as a table. */
export function actionsTable(): string {
  const rows = ACTION_DEFINITIONS.map(({ type, phases, read }) => {
    const [phase = 'on_http_request'] = phases.includes('on_http_request') ? ['on_http_request' as const] : phases;
    const recorder = new FieldRecorder(type, phase);
    read(recorder);
    const fields = recorder.fields.map(({ name, filled, text }) => `\`${name}\`${filled ? '‡' : ''} ${text}`);
    const shown = phases.map((each) => `\`${each}\``).join(', ');
    return `| \`${type}\` | ${shown} | ${fields.length === 0 ? 'none' : fields.join('<br>')} |`;
  });
  return [
    '| action | phases | fields: what they take; what is taken where they are absent |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}
