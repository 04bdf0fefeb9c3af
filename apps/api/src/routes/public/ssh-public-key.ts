const kinds = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/** Null, or why this is no public key in the form of an `authorized_keys` line without options (RFC 4253, section 6.6). */
export function sshKeyFault(text: string): string | null {
  if (/[\r\n]/.test(text)) return 'it has several lines';
  const [kind = '', blob = ''] = text.split(/[ \t]+/);
  if (kind.startsWith('-----BEGIN')) return 'it is a PEM file; the public key is the line of the .pub file';
  if (!kinds.has(kind)) return `it begins with none of ${[...kinds].join(', ')}`;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(blob)) return 'the second word is not base64';
  const bytes = Buffer.from(blob, 'base64');
  // The key says once more, inside, of what kind it is.
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : -1;
  if (length !== kind.length || bytes.subarray(4, 4 + length).toString('latin1') !== kind) {
    return 'the key is of another kind than it says';
  }
  return bytes.length > 4 + length + 4 ? null : 'it is cut off';
}
