import type { Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';

export interface TerminateTlsConfig {
  readonly minVersion: '1.2' | '1.3';
  readonly maxVersion: '1.2' | '1.3';
  readonly serverCertificate: Template | null;
  readonly serverPrivateKey: Template | null;
  /** PEM texts or ids `ca_…`. */
  readonly clientAuthorities: readonly Template[];
  readonly clientVerification: 'require-and-verify' | 'require-any' | 'request';
}

export const terminateTls = defineAction({
  type: 'terminate-tls',
  phases: ['on_tcp_connect'],
  protocols: ['https', 'tls'],
  ends: never,
  read: (config): TerminateTlsConfig => {
    const minVersion = config.choice('min_version', ['1.2', '1.3'], '1.2');
    const maxVersion = config.choice('max_version', ['1.2', '1.3'], '1.3');
    if (minVersion > maxVersion) config.problem(2204, 'min_version', { reason: 'it is above max_version' });
    const serverCertificate = config.template('server_certificate', { max: 65_536 });
    const serverPrivateKey = config.template('server_private_key', { max: 16_384 });
    if ((serverCertificate === null) !== (serverPrivateKey === null)) {
      const [given, missing] =
        serverCertificate === null
          ? ['server_private_key', 'server_certificate']
          : ['server_certificate', 'server_private_key'];
      config.problem(2240, given, { given, missing });
    }
    checkPem(serverCertificate, /-----BEGIN CERTIFICATE-----/, 'server_certificate', 'a certificate');
    checkPem(serverPrivateKey, /-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'server_private_key', 'a private key');
    const clientAuthorities = config.templateList('mutual_tls_certificate_authorities', { max: 100, orOne: true });
    for (const authority of clientAuthorities) {
      const certificate = /^\s*ca_[0-9A-Za-z]+\s*$|-----BEGIN CERTIFICATE-----/;
      checkPem(authority, certificate, 'mutual_tls_certificate_authorities', 'a certificate or an id ca_…');
    }
    return {
      minVersion,
      maxVersion,
      serverCertificate,
      serverPrivateKey,
      clientAuthorities,
      clientVerification: config.choice(
        'mutual_tls_verification_strategy',
        ['require-and-verify', 'require-any', 'request'],
        'require-and-verify',
      ),
    };

    function checkPem(template: Template | null, pattern: RegExp, field: string, wanted: string): void {
      const constant = template?.constant ?? null;
      if (constant !== null && constant !== '' && !pattern.test(constant)) {
        config.problem(2228, field, { reason: `it is not the PEM text of ${wanted}` });
      }
    }
  },
});
