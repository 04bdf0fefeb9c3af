import {
  ABSENT_ACTION_TYPES,
  ACTION_DEFINITIONS,
  type Action,
  type ActionType,
  OLDER_ACTION_TYPES,
} from './actions/catalogue.ts';
import { ConfigReader } from './document/config-reader.ts';
import { isPhase, isProtocol, OLDER_PHASE_NAMES, PHASES, type Phase, phasesOf } from './document/phase.ts';
import { type PolicyProblem, Problems, type Spot } from './document/problem.ts';
import { readSource } from './document/read-source.ts';
import {
  isEmptyNode,
  kindOf,
  type MapEntry,
  type PlainValue,
  plainValue,
  positionInside,
  type ScalarNode,
  type SourceNode,
} from './document/source-node.ts';
import { compilePredicate, Expression } from './expressions/expression.ts';
import { DEFAULT_POLICY_LIMITS, type PolicyLimits } from './limits.ts';
import { ANY_TARGET, type CompiledPolicy, type CompiledRule, type PolicyNeeds, type PolicyTarget } from './policy.ts';
import { didYouMean } from './suggestion.ts';
import { findUnhandled } from './termination.ts';

export type LoadedPolicy =
  | { readonly kind: 'loaded'; readonly policy: CompiledPolicy }
  | { readonly kind: 'refused'; readonly problems: readonly PolicyProblem[] };

/**
 * Reads, checks and compiles a policy document, YAML or JSON. The only way to a policy that runs: the API, the CLI, the
 * dashboard and the edge all call this. A refusal tells every problem with line, column and what to do.
 */
export function loadPolicy(
  text: string,
  target: PolicyTarget = ANY_TARGET,
  limits: PolicyLimits = DEFAULT_POLICY_LIMITS,
): LoadedPolicy {
  const problems = new Problems(text, limits.problems);
  const source = readSource(text, limits, problems);
  const policy = source === null ? null : new PolicyCompiler(problems, target, limits).compile(source);
  if (policy === null || problems.count > 0) return { kind: 'refused', problems: problems.list() };
  return { kind: 'loaded', policy };
}

const DEFINITIONS = new Map<string, (typeof ACTION_DEFINITIONS)[number]>(
  ACTION_DEFINITIONS.map((definition) => [definition.type, definition]),
);

class PolicyCompiler {
  readonly #problems: Problems;
  readonly #target: PolicyTarget;
  readonly #limits: PolicyLimits;
  #authenticating: string | null = null;

  constructor(problems: Problems, target: PolicyTarget, limits: PolicyLimits) {
    this.#problems = problems;
    this.#target = target;
    this.#limits = limits;
  }

  compile(source: SourceNode): CompiledPolicy | null {
    const root: Spot = { at: source.at, path: '' };
    if (source.kind !== 'map') {
      this.#problems.add(2236, { reason: `it is ${kindOf(source)}` }, root, 'Begin with a phase: on_http_request:');
      return null;
    }
    const phases: Record<Phase, CompiledRule[]> = {
      on_tcp_connect: [],
      on_http_request: [],
      on_http_response: [],
      on_event_stream_message: [],
    };
    const document: Record<string, PlainValue> = {};
    let rules = 0;
    for (const entry of source.entries) {
      const phase = this.#phaseOf(entry);
      if (phase === null) continue;
      const nodes = this.#rulesOf(entry);
      rules += nodes.length;
      if (rules > this.#limits.rules) {
        this.#problems.add(2264, { actual: rules, max: this.#limits.rules }, { at: entry.keyAt, path: entry.key });
        continue;
      }
      for (const [index, node] of nodes.entries()) {
        const rule = this.#rule(node, phase, index, `${entry.key}[${index}]`);
        if (rule !== null) phases[phase].push({ ...rule, index: phases[phase].length });
      }
      if (nodes.length > 0) document[phase] = [...asList(document[phase]), ...nodes.map(plainValue)];
    }
    if (this.#target.kind === 'cloud' && this.#problems.count === 0) {
      const reason = findUnhandled(phases, this.#target.protocol);
      if (reason !== null) this.#problems.add(2235, { reason }, root);
    }
    return { phases, document, needs: needsOf(Object.values(phases).flat()) };
  }

  #phaseOf({ key, keyAt, value }: MapEntry): Phase | null {
    const { protocol, internal } = this.#target;
    const spot = { at: keyAt, path: key };
    const phase = isPhase(key) ? key : OLDER_PHASE_NAMES.get(key);
    if (phase === undefined) {
      if (key === 'enabled' && value.kind === 'scalar') return null;
      const hint = didYouMean(key, PHASES) ?? `The phases are ${PHASES.join(', ')}.`;
      this.#problems.add(2236, { reason: `there is no phase ${key.slice(0, 64)}` }, spot, hint);
      return null;
    }
    if (protocol !== null && !isProtocol(protocol)) {
      this.#problems.add(2229, { protocol }, spot);
      return null;
    }
    // An empty list for a phase that the protocol does not have is harmless, and common in generated documents.
    if (isEmptyNode(value) || (value.kind === 'list' && value.items.length === 0)) return null;
    if (protocol !== null && !phasesOf(protocol).includes(phase)) {
      const phases = phasesOf(protocol).join(', ');
      this.#problems.add(2230, { protocol, phase, phases }, spot);
      return null;
    }
    if (internal && phase === 'on_tcp_connect' && (protocol === 'http' || protocol === 'https')) {
      this.#problems.add(2262, {}, spot, 'Use on_http_request.');
      return null;
    }
    return phase;
  }

  #rulesOf({ key, value }: MapEntry): readonly SourceNode[] {
    if (value.kind === 'list') return value.items;
    if (value.kind === 'map') return [value];
    const reason = `${key} is ${kindOf(value)}, and has to be a list of rules`;
    this.#problems.add(2236, { reason }, { at: value.at, path: key }, 'Write - actions: below it.');
    return [];
  }

  #rule(node: SourceNode, phase: Phase, index: number, path: string): CompiledRule | null {
    if (node.kind !== 'map') {
      const reason = `a rule is ${kindOf(node)}, and has to be a map`;
      this.#problems.add(2236, { reason }, { at: node.at, path }, 'A rule has name, expressions and actions.');
      return null;
    }
    const entries = new Map(node.entries.map((entry) => [RULE_FIELDS.get(entry.key) ?? entry.key, entry]));
    for (const [name, { key, keyAt }] of entries) {
      if (RULE_FIELDS.has(name)) continue;
      const hint = didYouMean(key, ['name', 'expressions', 'actions']) ?? 'A rule has name, expressions and actions.';
      const reason = `a rule has no field ${key.slice(0, 64)}`;
      this.#problems.add(2236, { reason }, { at: keyAt, path: `${path}.${key}` }, hint);
    }
    const name = entries.get('name')?.value;
    const expressions = this.#expressions(entries.get('expressions')?.value, phase, `${path}.expressions`);
    const actions = this.#actions(entries.get('actions')?.value, phase, `${path}.actions`, node.at);
    return { name: name?.kind === 'scalar' ? name.text : null, index, expressions, actions };
  }

  #expressions(node: SourceNode | undefined, phase: Phase, path: string): readonly Expression[] {
    if (node === undefined || isEmptyNode(node)) return [];
    const nodes = node.kind === 'list' ? node.items : [node];
    return nodes.flatMap((item, index) => {
      const place = node.kind === 'list' ? `${path}[${index}]` : path;
      if (item.kind === 'scalar' && item.value !== null) return this.#expression(item, phase, place);
      this.#problems.add(
        2200,
        { expression: `${index + 1}`, reason: `it is ${kindOf(item)}, and has to be a text` },
        { at: item.at, path: place },
        item.kind === 'map' ? 'Put it in quotes: it holds a colon.' : null,
      );
      return [];
    });
  }

  #expression(node: ScalarNode, phase: Phase, path: string): readonly Expression[] {
    const compiled = compilePredicate(node.text, phase);
    if (compiled instanceof Expression) return [compiled];
    this.#problems.add(
      2200,
      { expression: node.text.replace(/\s+/g, ' ').trim().slice(0, 200), reason: compiled.reason },
      { at: positionInside(node, compiled.offset), path },
      compiled.hint,
    );
    return [];
  }

  #actions(node: SourceNode | undefined, phase: Phase, path: string, ruleAt: number): readonly Action[] {
    const nodes = node?.kind === 'list' ? node.items : node === undefined || isEmptyNode(node) ? [] : [node];
    const spot = { at: node?.at ?? ruleAt, path };
    if (nodes.length === 0) this.#problems.add(2206, {}, spot, 'Add actions: with at least one type.');
    const max = this.#limits.actionsPerRule;
    if (nodes.length > max) this.#problems.add(2265, { phase, actual: nodes.length, max }, spot);
    const actions: Action[] = [];
    let ended: string | null = null;
    for (const [index, item] of nodes.slice(0, max).entries()) {
      const place = node?.kind === 'list' ? `${path}[${index}]` : path;
      const read = this.#action(item, phase, place);
      if (read === null) continue;
      const { action, ends } = read;
      if (ended !== null)
        this.#problems.add(2207, { type: action.type, previous: ended }, { at: item.at, path: place });
      if (ends) ended ??= action.type;
      actions.push(action);
    }
    return actions;
  }

  #action(node: SourceNode, phase: Phase, path: string): { readonly action: Action; readonly ends: boolean } | null {
    if (node.kind !== 'map') {
      const reason = `an action is ${kindOf(node)}, and has to be a map`;
      this.#problems.add(2236, { reason }, { at: node.at, path }, 'Write - type: deny, with config: below it.');
      return null;
    }
    const entries = new Map(node.entries.map((entry) => [entry.key.toLowerCase(), entry]));
    for (const [name, { key, keyAt }] of entries) {
      // A name is for people; some examples of the reference give one.
      if (name === 'type' || name === 'config' || name === 'name') continue;
      const hint = didYouMean(key, ['type', 'config']) ?? 'What an action is told stands below config.';
      this.#problems.add(2236, { reason: `an action has no field ${key.slice(0, 64)}` }, { at: keyAt, path }, hint);
    }
    const typeNode = entries.get('type')?.value;
    if (typeNode?.kind !== 'scalar' || typeNode.text === '') {
      const hint = 'Write type: and the name of the action.';
      this.#problems.add(2201, { type: 'without a type' }, { at: typeNode?.at ?? node.at, path }, hint);
      return null;
    }
    const definition = this.#definition(typeNode, phase, `${path}.type`);
    if (definition === null) return null;
    const configEntry = entries.get('config');
    const at = configEntry?.keyAt ?? typeNode.at;
    const context = { action: definition.type, phase, problems: this.#problems };
    const config = new ConfigReader(configEntry?.value ?? null, context, `${path}.config`, at);
    const read = readAction(definition, config);
    config.finish();
    return read;
  }

  #definition(node: ScalarNode, phase: Phase, path: string): (typeof ACTION_DEFINITIONS)[number] | null {
    const name = node.text;
    const spot = { at: node.at, path };
    const type: string = OLDER_ACTION_TYPES.get(name) ?? name;
    const definition = DEFINITIONS.get(type);
    if (definition === undefined) {
      const hint = ABSENT_ACTION_TYPES.includes(name)
        ? 'Portico does not have this action.'
        : didYouMean(name, DEFINITIONS.keys());
      this.#problems.add(2201, { type: name.slice(0, 64) }, spot, hint);
      return null;
    }
    const { phases, protocols, authenticates } = widen(definition);
    if (!phases.includes(phase)) {
      this.#problems.add(2202, { type, phase, phases: phases.join(', ') }, spot);
      return null;
    }
    const { protocol } = this.#target;
    if (protocol !== null && protocols !== undefined && !protocols.includes(protocol)) {
      this.#problems.add(2205, { type, protocol }, spot);
      return null;
    }
    if (authenticates === true) {
      if (this.#authenticating !== null) this.#problems.add(2239, { type }, spot);
      this.#authenticating ??= type;
    }
    return definition;
  }
}

/** Names of earlier versions of the document stand beside the present ones. */
const RULE_FIELDS: ReadonlyMap<string, string> = new Map([
  ['name', 'name'],
  ['Name', 'name'],
  ['expressions', 'expressions'],
  ['Expressions', 'expressions'],
  ['actions', 'actions'],
  ['Actions', 'actions'],
]);

interface WideDefinition {
  readonly phases: readonly Phase[];
  readonly protocols?: readonly string[] | undefined;
  readonly authenticates?: boolean | undefined;
}

function widen(definition: WideDefinition): WideDefinition {
  return definition;
}

/** The one cast of the compiler: TypeScript cannot see that type and config of one definition belong together. */
function readAction(
  definition: (typeof ACTION_DEFINITIONS)[number],
  reader: ConfigReader,
): { readonly action: Action; readonly ends: boolean } {
  const { type, read, ends } = definition as {
    readonly type: ActionType;
    readonly read: (config: ConfigReader) => unknown;
    readonly ends: (config: unknown) => boolean;
  };
  const config = read(reader);
  return { action: { type, config } as Action, ends: ends(config) };
}

function needsOf(rules: readonly CompiledRule[]): PolicyNeeds {
  const actions = rules.flatMap((rule) => rule.actions);
  return {
    requestBody: actions.some(
      (action) =>
        action.type === 'verify-webhook' ||
        action.type === 'request-body-find-replace' ||
        (action.type === 'jwt-validation' && action.config.tokens.some((token) => token.method === 'body')),
    ),
    responseBody: actions.some((action) => action.type === 'response-body-find-replace'),
    clientCertificate: actions.some(
      (action) => action.type === 'terminate-tls' && action.config.clientAuthorities.length > 0,
    ),
  };
}

function asList(value: PlainValue | undefined): readonly PlainValue[] {
  return Array.isArray(value) ? value : [];
}
