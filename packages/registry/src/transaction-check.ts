import { type Operation, registryLimits, type Transaction } from './registry.ts';
import { RegistryError } from './registry-error.ts';

/** Refuses what no engine takes, in the same words everywhere. Throws RegistryError `invalid`. */
export function checkTransaction(transaction: Transaction): void {
  const sides = [transaction.then, transaction.else ?? []];
  for (const list of [transaction.if, ...sides]) {
    if (list.length > registryLimits.operations) {
      throw new RegistryError('invalid', `A transaction has at most ${registryLimits.operations} operations.`);
    }
  }
  const compared = new Set<string>();
  for (const { key } of transaction.if) {
    checkKey(key);
    compared.add(key);
  }
  for (const side of sides) {
    checkSide(side, compared);
  }
}

function checkSide(side: readonly Operation[], compared: ReadonlySet<string>): void {
  const written = new Set<string>();
  for (const operation of side) {
    if (operation.kind === 'list') {
      checkPrefix(operation.prefix);
      continue;
    }
    checkKey(operation.key);
    if (operation.kind === 'get') {
      continue;
    }
    if (!compared.has(operation.key)) {
      throw new RegistryError('invalid', `Blind write: ${operation.key} is written but not compared.`);
    }
    if (written.has(operation.key)) {
      throw new RegistryError('invalid', `${operation.key} is written twice in one transaction.`);
    }
    written.add(operation.key);
    if (operation.kind === 'put' && Buffer.byteLength(operation.value) > registryLimits.valueBytes) {
      throw new RegistryError('invalid', `The value of ${operation.key} is over ${registryLimits.valueBytes} bytes.`);
    }
  }
}

/** Printable ASCII without space: then every engine sorts keys alike. */
export function checkKey(key: string): void {
  if (key.length === 0 || key.length > registryLimits.keyBytes || !/^[\x21-\x7e]+$/.test(key)) {
    throw new RegistryError('invalid', `${JSON.stringify(key.slice(0, 80))} is not a key.`);
  }
}

export function checkPrefix(prefix: string): void {
  if (prefix !== '') {
    checkKey(prefix);
  }
}

export function checkTtl(ttlS: number): void {
  if (!(ttlS >= registryLimits.ttlSMin && ttlS <= registryLimits.ttlSMax)) {
    throw new RegistryError('invalid', `A lease lasts ${registryLimits.ttlSMin} to ${registryLimits.ttlSMax} s.`);
  }
}
