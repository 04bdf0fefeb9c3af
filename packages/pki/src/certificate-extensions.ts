import forge from 'node-forge';

export interface CertificateExtension {
  /** Dotted object identifier, such as `2.5.29.17`. */
  readonly id: string;
  readonly critical: boolean;
  /** DER of what the extension holds. */
  readonly value: Buffer;
}

/** The extensions of a certificate (RFC 5280 section 4.1.2.9) in their order; empty for what cannot be read as one. */
export function certificateExtensions(der: Buffer): CertificateExtension[] {
  try {
    const [body] = parts(forge.asn1.fromDer(forge.util.createBuffer(der.toString('latin1'))));
    const list = body === undefined ? undefined : parts(body).find(isExtensions);
    const [extensions] = list === undefined ? [] : parts(list);
    return extensions === undefined ? [] : parts(extensions).map(extension);
  } catch {
    return [];
  }
}

function isExtensions({ tagClass, type }: forge.asn1.Asn1): boolean {
  return tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && Number(type) === 3;
}

function extension(node: forge.asn1.Asn1): CertificateExtension {
  const [id, ...rest] = parts(node);
  const critical = rest.length > 1 && bytesOf(rest[0])[0] !== 0;
  const oid = id === undefined ? '' : forge.asn1.derToOid(forge.util.createBuffer(bytesOf(id).toString('latin1')));
  return { id: oid, critical, value: bytesOf(rest.at(-1)) };
}

function parts({ value }: forge.asn1.Asn1): forge.asn1.Asn1[] {
  return typeof value === 'string' ? [] : value;
}

function bytesOf(node: forge.asn1.Asn1 | undefined): Buffer {
  return Buffer.from(typeof node?.value === 'string' ? node.value : '', 'latin1');
}
