import type { X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { type AddressRange, type PermittedNames, PkiError } from './names.ts';

const { asn1 } = forge;
/** 2.5.29.30 in DER. */
const ID_NAME_CONSTRAINTS = '\x55\x1d\x1e';
const ID_EXTENSIONS_TAG = 3;

/** Reads back what an issuing CA of ours may certify (RFC 5280 section 4.2.1.10). */
export function readPermittedNames({ raw }: X509Certificate): PermittedNames {
  const body = items(asn1.fromDer(raw.toString('latin1')))[0];
  const extensions = body === undefined ? undefined : items(body).find(isExtensions);
  const list = extensions === undefined ? undefined : items(extensions)[0];
  for (const extension of list === undefined ? [] : items(list)) {
    const [id, ...rest] = items(extension);
    const value = rest.at(-1)?.value;
    if (id?.value === ID_NAME_CONSTRAINTS && typeof value === 'string') {
      return readConstraints(asn1.fromDer(value));
    }
  }
  return { dns: null, ips: null };
}

function readConstraints(constraints: forge.asn1.Asn1): PermittedNames {
  let dns: string[] | null = null;
  let ips: AddressRange[] | null = null;
  for (const list of items(constraints)) {
    const permitted = list.type === 0;
    for (const subtree of items(list)) {
      const base = items(subtree)[0];
      if (base === undefined || typeof base.value !== 'string') {
        throw new PkiError('The name constraints of the issuing CA cannot be read.');
      }
      if (base.type === 2) {
        dns ??= [];
        dns.push(...(permitted ? [base.value.toLowerCase()] : []));
      } else if (base.type === 7) {
        ips ??= [];
        ips.push(...(permitted ? [readRange(base.value)] : []));
      }
    }
  }
  return { dns, ips };
}

function readRange(value: string): AddressRange {
  const bytes = Buffer.from(value, 'latin1');
  const half = bytes.length / 2;
  if (half !== 4 && half !== 16) {
    throw new PkiError('The name constraints of the issuing CA cannot be read.');
  }
  const address = bytes.subarray(0, half);
  const mask = bytes.subarray(half);
  let prefixBits = 0;
  while (prefixBits < half * 8 && ((mask[prefixBits >> 3] ?? 0) & (0x80 >> (prefixBits & 7))) !== 0) {
    prefixBits += 1;
  }
  if (half === 4) {
    return { address: [...address].join('.'), family: 4, prefixBits };
  }
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16));
  return { address: groups.join(':'), family: 6, prefixBits };
}

function isExtensions(node: forge.asn1.Asn1): boolean {
  return node.tagClass === asn1.Class.CONTEXT_SPECIFIC && Number(node.type) === ID_EXTENSIONS_TAG;
}

function items(node: forge.asn1.Asn1): forge.asn1.Asn1[] {
  return typeof node.value === 'string' ? [] : node.value;
}
