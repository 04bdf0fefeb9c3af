import type { DialReach } from '@portico/agent';

const words = {
  network: { up: 'network is up', down: 'network is down', unneeded: null },
  dns: {
    unneeded: null,
    trying: null,
    answers: 'DNS answers',
    'no-such-name': 'DNS knows no such name',
    silent: 'DNS does not answer',
  },
  tcp: {
    untried: null,
    trying: null,
    connects: 'TCP connects',
    refused: 'TCP is refused',
    'no-path': 'TCP finds no path',
    cut: 'TCP is cut',
    silent: 'TCP times out',
  },
  tls: {
    untried: null,
    trying: null,
    works: 'TLS works',
    untrusted: 'TLS is not trusted',
    fails: 'TLS fails',
    cut: 'TLS is cut',
    silent: 'TLS times out',
  },
} as const;

/** `network is up, DNS answers, TCP times out`; '' when nothing is known. */
export function reachLine({ network, dns, tcp, tls }: DialReach): string {
  return [words.network[network], words.dns[dns], words.tcp[tcp], words.tls[tls]]
    .filter((each) => each !== null)
    .join(', ');
}
