import type { Action } from './actions/catalogue.ts';
import type { EndpointProtocol, Phase } from './document/phase.ts';
import type { CompiledRule } from './policy.ts';

/**
 * Whether a cloud endpoint's policy answers whatever comes: it has no agent that would. Returns why not, or null.
 *
 * A rule without expressions that holds an ending action is reached by all traffic that is left. Expressions are not
 * solved, except that a set of rules may split one question: `x` in one and `!(x)` in another.
 */
export function findUnhandled(
  phases: Readonly<Record<Phase, readonly CompiledRule[]>>,
  protocol: EndpointProtocol | null,
): string | null {
  const tcpOnly = protocol === 'tcp' || protocol === 'tls';
  if (alwaysEnds(phases.on_tcp_connect)) return null;
  if (tcpOnly) return describe(phases.on_tcp_connect, 'on_tcp_connect');
  return alwaysEnds(phases.on_http_request) ? null : describe(phases.on_http_request, 'on_http_request');
}

function alwaysEnds(rules: readonly CompiledRule[]): boolean {
  const ending = rules.filter((rule) => rule.actions.some(endsPhase));
  if (ending.some((rule) => isAlways(rule))) return true;
  const single = ending.flatMap((rule) => (rule.expressions.length === 1 ? rule.expressions : []));
  const sources = new Set(single.map((expression) => squeeze(expression.source)));
  return [...sources].some((source) => sources.has(`!(${source})`) || (isOneCall(source) && sources.has(`!${source}`)));
}

/** Without operators: `!` in front of it negates all of it. */
function isOneCall(source: string): boolean {
  return /^[\w.]+(?:\((?:'[^']*'|"[^"]*"|[\w., ])*\))?$/.test(source);
}

function isAlways(rule: CompiledRule): boolean {
  return rule.expressions.every((expression) => squeeze(expression.source) === 'true');
}

function squeeze(source: string): string {
  return source.replace(/\s+/g, ' ').trim();
}

function endsPhase(action: Action): boolean {
  switch (action.type) {
    case 'custom-response':
    case 'deny':
    case 'close-connection':
      return true;
    case 'forward-internal':
      return action.config.onError === 'halt';
    default:
      return false;
  }
}

function describe(rules: readonly CompiledRule[], phase: Phase): string {
  if (rules.length === 0) return `${phase} has no rules`;
  const fallible = rules.some((rule) =>
    rule.actions.some((action) => action.type === 'forward-internal' && action.config.onError === 'continue'),
  );
  if (rules.some((rule) => rule.actions.some(endsPhase))) {
    return `${phase} ends for some traffic only: every rule with an answer has expressions`;
  }
  return fallible
    ? `forward-internal with on_error: continue may fail, and nothing comes after it in ${phase}`
    : `no rule of ${phase} gives an answer`;
}
