import { createIssuingCa, createKeyPair, createRoot, LeafIssuer } from '@portico/pki';

/** For tests: a certificate for a host with its chain and key, and the root it comes from. */
export async function makeCertificate(
  host: string,
  permittedDns: string[] = ['portico.localhost'],
): Promise<{ chain: string; key: string; root: string }> {
  const now = new Date();
  const root = await createRoot({ name: 'Test root', now });
  const keyPair = await createKeyPair();
  const chainPem = await createIssuingCa({
    root,
    publicKeyPem: keyPair.publicKeyPem,
    now,
    days: 30,
    name: 'Test issuing',
    permittedDns,
    permittedIps: ['127.0.0.1'],
  });
  const issuer = new LeafIssuer({ certificatePem: chainPem, privateKeyPem: keyPair.privateKeyPem });
  const leaf = await issuer.issue({ dns: [host], ips: [] });
  return { chain: leaf.certificatePem, key: leaf.privateKeyPem, root: root.certificatePem };
}
