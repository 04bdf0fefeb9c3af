import type { EndpointConfig } from '../config/agent-config.ts';
import { CliError } from '../output/cli-error.ts';

/** As many as a person reads at once. */
const SHOWN_MAX = 10;

/**
 * Reads the policy as the server will, before anything is dialled: each problem with its place, where there is a file,
 * and the code of the first one.
 * @throws {CliError}
 */
export async function checkPolicy(text: string, config: EndpointConfig): Promise<void> {
  const { formatProblem, loadPolicy } = await import('@portico/traffic-policy/validate');
  const { proto, url, trafficPolicyFile, trafficPolicyUrl } = config;
  const protocol = proto === 'http' ? 'https' : proto;
  const internal = /\.internal(:\d+)?\/?$/i.test(url);
  const loaded = loadPolicy(text, { protocol, kind: 'agent', internal });
  if (loaded.kind === 'loaded') return;
  const [first] = loaded.problems;
  const source = trafficPolicyFile ?? trafficPolicyUrl;
  const lines = loaded.problems.slice(0, SHOWN_MAX).map((problem) => {
    if (source !== undefined) return `${source}:${formatProblem(problem)}`;
    // What stands inside another file has no lines of its own.
    const hint = problem.hint === null ? '' : ` ${problem.hint}`;
    return `traffic_policy.${problem.path}: ${problem.message}${hint}`;
  });
  const more = loaded.problems.length - lines.length;
  const rest = more > 0 ? [`and ${more} more`] : [];
  const name = config.name === '' || config.name === 'command_line' ? '' : ` of endpoint "${config.name}"`;
  throw new CliError([`The traffic policy${name} cannot be used:`, ...lines, ...rest].join('\n'), {
    code: first?.name ?? 'ERR_NGROK_9026',
  });
}
