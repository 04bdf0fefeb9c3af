import { networkInterfaces } from 'node:os';
import type { TLSSocket } from 'node:tls';

/** How far a try to reach the server came, hop by hop. What was not tried has no answer. */
export interface DialReach {
  /** `unneeded`: the server is on this machine. */
  readonly network: 'up' | 'down' | 'unneeded';
  /** `unneeded`: the server is named by its address. `silent`: no answer in time. */
  readonly dns: 'unneeded' | 'trying' | 'answers' | 'no-such-name' | 'silent';
  readonly tcp: 'untried' | 'trying' | 'connects' | 'refused' | 'no-path' | 'cut' | 'silent';
  readonly tls: 'untried' | 'trying' | 'works' | 'untrusted' | 'fails' | 'cut' | 'silent';
}

type Fault = { readonly kind: 'timeout' } | { readonly kind: 'code'; readonly code: string | undefined };

/** Follows the dial of one socket, and tells at each step how far it came. */
export class ReachReader {
  readonly #onReach: (reach: DialReach) => void;
  #reach: DialReach;

  /** @param isAddress the server is named by its address: DNS is not asked */
  constructor(isAddress: boolean, onReach: (reach: DialReach) => void) {
    this.#onReach = onReach;
    this.#reach = {
      network: hasOuterAddress() ? 'up' : 'down',
      dns: isAddress ? 'unneeded' : 'trying',
      tcp: isAddress ? 'trying' : 'untried',
      tls: 'untried',
    };
    onReach(this.#reach);
  }

  follow(socket: TLSSocket): void {
    socket.on('lookup', (error: Error | null, address: string) => {
      if (error === null) this.#set({ dns: 'answers', tcp: 'trying', ...whereabouts(address) });
    });
    socket.once('connect', () =>
      this.#set({ tcp: 'connects', tls: 'trying', ...whereabouts(socket.remoteAddress ?? '') }),
    );
  }

  secured(): void {
    this.#set({ tls: 'works' });
  }

  failed(fault: Fault): void {
    const { dns, tcp } = this.#reach;
    if (dns === 'trying') this.#set({ dns: isCode(fault, 'ENOTFOUND') ? 'no-such-name' : 'silent' });
    else if (tcp === 'trying') this.#set({ tcp: tcpFault(fault) });
    else this.#set({ tls: tlsFault(fault) });
  }

  #set(change: Partial<DialReach>): void {
    this.#reach = { ...this.#reach, ...change };
    this.#onReach(this.#reach);
  }
}

/** What answered proves that there is a network; on this machine none is needed. */
function whereabouts(address: string): { network: DialReach['network'] } | Record<never, never> {
  return address.startsWith('127.') || address === '::1' ? { network: 'unneeded' } : {};
}

function tcpFault(fault: Fault): DialReach['tcp'] {
  if (fault.kind === 'timeout') return 'silent';
  switch (fault.code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'silent';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
      return 'no-path';
    default:
      return 'cut';
  }
}

function tlsFault(fault: Fault): DialReach['tls'] {
  if (fault.kind === 'timeout' || fault.code === 'ETIMEDOUT') return 'silent';
  const { code = '' } = fault;
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === '') return 'cut';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return 'fails';
  return 'untrusted';
}

function isCode(fault: Fault, code: string): boolean {
  return fault.kind === 'code' && fault.code === code;
}

/** An address that other machines could answer to; those of the link alone lead nowhere. */
function hasOuterAddress(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ internal, address }) => !internal && !/^(169\.254\.|fe[89ab])/i.test(address)),
  );
}
