import { bore } from './bore.ts';
import { chisel } from './chisel.ts';
import type { Contestant } from './contestant.ts';
import { direct } from './direct.ts';
import { frpHttp, frpTcp } from './frp.ts';
import { h2tunnel, localtunnel } from './node-peers.ts';
import { portico } from './portico.ts';
import { ratholeNoise, ratholePlain, ratholeTls } from './rathole.ts';
import { haproxy, nginxProxy } from './reverse-proxies.ts';
import { sshReverse } from './ssh.ts';

const ADD_HEADERS = `on_http_request:
  - actions:
      - type: add-headers
        config:
          headers:
            x-bench: one
`;

/**
 * @param portico a checkout to run instead of this one
 * @param against one more, to compare two states of the code
 */
export function contestants(checkouts: { portico?: string; against?: string }): readonly Contestant[] {
  return [
    ...ours(checkouts),
    frpHttp,
    frpTcp,
    ratholePlain,
    ratholeTls,
    ratholeNoise,
    bore,
    chisel,
    sshReverse,
    localtunnel,
    h2tunnel,
    nginxProxy,
    haproxy,
    direct,
  ];
}

function ours({ portico: checkout, against }: { portico?: string; against?: string }): Contestant[] {
  const here = checkout === undefined ? {} : { checkout };
  return [
    portico(here),
    ...(against === undefined ? [] : [portico({ name: 'Portico before', checkout: against })]),
    portico({
      ...here,
      name: 'Portico uninspected',
      inspect: false,
      tunnels: ['http'],
      cases: ['1k-64', 'churn', 'down'],
    }),
    portico({
      ...here,
      name: 'Portico policy',
      what: 'as Portico, with one rule that adds a header',
      policy: ADD_HEADERS,
      tunnels: ['http'],
      cases: ['1k-64'],
    }),
  ];
}
