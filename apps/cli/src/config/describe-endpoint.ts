import { stringify } from 'yaml';
import type { EndpointConfig } from './agent-config.ts';
import { readEndpoints, readTunnels } from './read-endpoints.ts';
import { YamlReader } from './yaml-reader.ts';

/**
 * Reads one endpoint (version 3) or tunnel (version 2) that came as JSON, by the rules of the configuration file.
 * Returns what is wrong with it as a text.
 */
export function describeEndpoint(
  kind: 'endpoints' | 'tunnels',
  name: string,
  options: Readonly<Record<string, unknown>>,
): EndpointConfig | string {
  const policy = options.traffic_policy;
  // The agent API takes the policy as text, the file as a map.
  const { traffic_policy, ...others } = options;
  const known = typeof policy === 'string' ? others : options;
  const reader = new YamlReader(
    'request',
    stringify(kind === 'tunnels' ? { [name]: known } : [known], { version: '1.2' }),
  );
  const asIs = (file: string): string => file;
  const found = kind === 'tunnels' ? readTunnels(reader, reader.root, asIs) : readEndpoints(reader, reader.root, asIs);
  const [problem] = reader.problems;
  if (problem !== undefined) return problem.message;
  const endpoint = [...found.values()][0];
  if (endpoint === undefined) return 'nothing is described';
  return typeof policy === 'string' && policy !== '' ? { ...endpoint, trafficPolicy: policy } : endpoint;
}
