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
  const first = portico(checkout === undefined ? {} : { checkout });
  return against === undefined ? [first] : [first, portico({ name: 'Portico before', checkout: against })];
}
