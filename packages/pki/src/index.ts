export {
  type Authority,
  checkIssuingCa,
  createIssuingCa,
  createRoot,
  createUnconstrainedIssuingCa,
  type IssuingCaRequest,
} from './authority.ts';
export {
  type CertificateDetails,
  certificateCovers,
  certificateDetails,
  checkAuthorityCertificates,
  checkServerCertificate,
} from './certificate-details.ts';
export { type CertificateExtension, certificateExtensions } from './certificate-extensions.ts';
export { fingerprintSha256, parseFingerprint, renewAt } from './certificate-facts.ts';
export { createKeyPair, type KeyPair, provePossession, verifyPossession } from './key-pair.ts';
export { type IssuedLeaf, LeafIssuer, type LeafIssuerOptions } from './leaf-issuer.ts';
export { loadOrCreateMasterKey, MasterKeyError } from './master-key.ts';
export { type CertificateNames, PkiError } from './names.ts';
export { type BoxKey, createBoxKey, sealToBox } from './sealed-box.ts';
export { rewrap, SealError, type Sealer, sealer } from './sealer.ts';
