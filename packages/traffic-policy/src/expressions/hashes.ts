/** The hash functions of the language, over the UTF-8 bytes of a text. */
export const HASHES = {
  md5: digest('md5'),
  sha1: digest('sha1'),
  sha256: digest('sha256'),
  sha512: digest('sha512'),
  crc32: (bytes: Uint8Array) => bigToBytes(BigInt(crc32(bytes)), 4),
  crc64: (bytes: Uint8Array) => bigToBytes(crc64Iso(bytes), 8),
  xxhash64: (bytes: Uint8Array) => bigToBytes(xxhash64(bytes), 8),
} as const satisfies Record<string, (bytes: Uint8Array) => Uint8Array>;

export type HashName = keyof typeof HASHES;

function digest(algorithm: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    // Not imported: this module is also part of the validator that runs in a browser, where no expression is evaluated.
    const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');
    if (crypto === undefined) throw new Error('hashes are computed by the edge only');
    return crypto.createHash(algorithm).update(bytes).digest();
  };
}

/** IEEE polynomial, reflected. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC32_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const CRC32_TABLE = Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** ISO 3309 polynomial, reflected, as Go's hash/crc64 has it. */
function crc64Iso(bytes: Uint8Array): bigint {
  let crc = MASK64;
  for (const byte of bytes) crc = (CRC64_TABLE[Number((crc ^ BigInt(byte)) & 0xffn)] ?? 0n) ^ (crc >> 8n);
  return crc ^ MASK64;
}

const MASK64 = 0xffffffffffffffffn;
const CRC64_TABLE = Array.from({ length: 256 }, (_, index) => {
  let value = BigInt(index);
  for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ 0xd800000000000000n : value >> 1n;
  return value;
});

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

/** xxHash64 with seed 0 (xxhash_spec.md, section XXH64). */
function xxhash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  let at = 0;
  let hash: bigint;
  if (length >= 32) {
    let lanes: [bigint, bigint, bigint, bigint] = [(P1 + P2) & MASK64, P2, 0n, (MASK64 + 1n - P1) & MASK64];
    for (; at + 32 <= length; at += 32) {
      const read = (lane: number): bigint => view.getBigUint64(at + lane * 8, true);
      lanes = [round(lanes[0], read(0)), round(lanes[1], read(1)), round(lanes[2], read(2)), round(lanes[3], read(3))];
    }
    hash = (rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n)) & MASK64;
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK64;
  } else {
    hash = P5;
  }
  hash = (hash + BigInt(length)) & MASK64;
  for (; at + 8 <= length; at += 8) {
    hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4) & MASK64;
  }
  for (; at + 4 <= length; at += 4) {
    hash = (rotate(hash ^ ((BigInt(view.getUint32(at, true)) * P1) & MASK64), 23n) * P2 + P3) & MASK64;
  }
  for (; at < length; at += 1) hash = (rotate(hash ^ ((BigInt(bytes[at] ?? 0) * P5) & MASK64), 11n) * P1) & MASK64;
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK64;
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK64;
  return hash ^ (hash >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * P2) & MASK64, 31n) * P1) & MASK64;
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK64;
}

function bigToBytes(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = length - 1, rest = value; index >= 0; index -= 1, rest >>= 8n) bytes[index] = Number(rest & 0xffn);
  return bytes;
}
