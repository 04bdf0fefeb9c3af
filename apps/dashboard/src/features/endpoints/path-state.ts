import type { LiveEndpoint } from '@portico/api-contract/dashboard';
import type { HopState } from '../../ui/path-glyph.tsx';

/** The three hops of an online endpoint and what they mean in words. */
export function pathOf(endpoint: LiveEndpoint): { hops: { name: string; state: HopState }[]; label: string } {
  if (endpoint.sessionId === '') {
    return {
      hops: [
        { name: 'edge', state: 'works' },
        { name: 'policy', state: endpoint.upstream.kind === 'fails' ? 'fails' : 'works' },
      ],
      label: endpoint.upstream.kind === 'fails' ? 'Its policy fails' : 'Edge and policy work',
    };
  }
  const upstream: Record<LiveEndpoint['upstream']['kind'], HopState> = {
    unknown: 'none',
    answers: 'works',
    fails: 'fails',
  };
  const labels: Record<LiveEndpoint['upstream']['kind'], string> = {
    unknown: 'Edge and agent work; nothing has gone to the upstream yet',
    answers: 'Edge, agent and upstream work',
    fails: 'Upstream fails',
  };
  return {
    hops: [
      { name: 'edge', state: 'works' },
      { name: 'agent', state: 'works' },
      { name: 'upstream', state: upstream[endpoint.upstream.kind] },
    ],
    label: labels[endpoint.upstream.kind],
  };
}

/** One sentence on what fails, where, and what to look at. `clock` is the time since when, already written out. */
export function troubleText(code: number | null, upstream: string): { before: string; after: string } {
  switch (code) {
    case 8012:
      return { before: `${upstream} refuses connections since `, after: '. Is the app running?' };
    case 3004:
      return {
        before: `${upstream} sends something that is not HTTP since `,
        after: '. Often it speaks TLS: forward to https://… instead.',
      };
    case 3005:
    case 3006:
    case 3007:
    case 3008:
    case 3009:
    case 3010:
      return { before: `${upstream} does not answer in time since `, after: '.' };
    case null:
      return { before: `${upstream} fails since `, after: '.' };
    default:
      return { before: `${upstream} fails since `, after: `. ERR_NGROK_${code}` };
  }
}
