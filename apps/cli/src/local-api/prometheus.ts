import type { CaptureStore, ConnectionFigures } from '@portico/agent';
import type { TunnelSet } from '../tunnels/tunnel-set.ts';

/** The agent's figures in the text format of Prometheus. */
export function prometheusText({ tunnels, captures }: { tunnels: TunnelSet; captures: CaptureStore | null }): string {
  const { agent } = tunnels;
  const lines: string[] = [];
  const metric = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    samples: readonly [string, number][],
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of samples) lines.push(`${name}${labels} ${value}`);
  };
  metric('portico_agent_online', 'gauge', '1 while the session to the server is up', [
    ['', agent.state.kind === 'online' ? 1 : 0],
  ]);
  if (agent.latencyMs !== null) {
    metric('portico_agent_latency_seconds', 'gauge', 'Round trip to the server', [['', agent.latencyMs / 1000]]);
  }
  const each = (read: (figures: ConnectionFigures) => number, of: 'connections' | 'requests'): [string, number][] =>
    tunnels.list().flatMap(({ wanted, endpoint }): [string, number][] => {
      if (endpoint === null) return [];
      const labels = `{endpoint="${labelValue(wanted.name)}",url="${labelValue(endpoint.url)}"}`;
      return [[labels, read(endpoint[of].read())]];
    });
  metric(
    'portico_agent_connections_total',
    'counter',
    'Connections of visitors',
    each((f) => f.total, 'connections'),
  );
  metric(
    'portico_agent_connections_open',
    'gauge',
    'Connections open now',
    each((f) => f.open, 'connections'),
  );
  metric(
    'portico_agent_bytes_in_total',
    'counter',
    'Bytes from visitors',
    each((f) => f.bytesIn, 'connections'),
  );
  metric(
    'portico_agent_bytes_out_total',
    'counter',
    'Bytes to visitors',
    each((f) => f.bytesOut, 'connections'),
  );
  metric(
    'portico_agent_requests_total',
    'counter',
    'HTTP requests',
    each((f) => f.total, 'requests'),
  );
  metric('portico_agent_capture_bytes', 'gauge', 'Kept for the inspector', [['', captures?.bytes ?? 0]]);
  return `${lines.join('\n')}\n`;
}

function labelValue(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
