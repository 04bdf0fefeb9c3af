type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };

/**
 * A MaxMind database of IPv4 prefixes, as small as it gets (MaxMind DB format 2.0): 24-bit records, every value written
 * out.
 */
export function makeDatabase(entries: readonly (readonly [cidr: string, value: Value])[]): Buffer {
  interface Node {
    readonly sides: [Node | number | null, Node | number | null];
  }
  const root: Node = { sides: [null, null] };
  const data: Buffer[] = [];
  let dataBytes = 0;
  for (const [cidr, value] of entries) {
    const [address = '', prefix = '32'] = cidr.split('/');
    const bits = address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
      .slice(0, Number(prefix));
    let node = root;
    for (const bit of bits.slice(0, -1)) {
      const side = bit === '1' ? 1 : 0;
      const next = node.sides[side];
      if (typeof next === 'object' && next !== null) {
        node = next;
        continue;
      }
      const made: Node = { sides: [null, null] };
      node.sides[side] = made;
      node = made;
    }
    node.sides[bits.endsWith('1') ? 1 : 0] = dataBytes;
    const encoded = encode(value);
    data.push(encoded);
    dataBytes += encoded.length;
  }
  const nodes: Node[] = [root];
  for (const node of nodes)
    for (const side of node.sides) if (typeof side === 'object' && side !== null) nodes.push(side);
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [index, { sides }] of nodes.entries()) {
    for (const [at, side] of sides.entries()) {
      const record =
        side === null ? nodes.length : typeof side === 'number' ? nodes.length + 16 + side : nodes.indexOf(side);
      tree.writeUIntBE(record, index * 6 + at * 3, 3);
    }
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    database_type: 'Test',
    description: { en: 'test' },
    ip_version: 4,
    languages: ['en'],
    node_count: nodes.length,
    record_size: 24,
  });
  return Buffer.concat([tree, Buffer.alloc(16), ...data, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]);
}

function encode(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'boolean') return control(14, value ? 1 : 0);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(Number.isInteger(value) ? 4 : 8);
    if (Number.isInteger(value)) bytes.writeUInt32BE(value);
    else bytes.writeDoubleBE(value);
    return Buffer.concat([control(Number.isInteger(value) ? 6 : 3, bytes.length), bytes]);
  }
  if (isList(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  const pairs = Object.entries(value);
  return Buffer.concat([control(7, pairs.length), ...pairs.flatMap(([key, each]) => [encode(key), encode(each)])]);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Type and size; sizes here are under 285. */
function control(type: number, size: number): Buffer {
  const short = Math.min(size, 29);
  const extended = type > 7;
  const bytes = [((extended ? 0 : type) << 5) | short];
  if (extended) bytes.push(type - 7);
  if (short === 29) bytes.push(size - 29);
  return Buffer.from(bytes);
}
