import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AgentError, type ConnectUrl, dialServer, parseConnectUrl, readSentChain, systemClock } from '@portico/agent';
import { CliError } from '../output/cli-error.ts';
import { errnoOf } from './load-config.ts';

export interface TrustedServer {
  readonly connectUrl: string;
  /** What to store: `host`, or PEM. */
  readonly connectCas: string;
  /** A sentence for the person. */
  readonly trusted: string;
}

const dialTimeoutMs = 10_000;

/**
 * Finds out how to know the server, and proves it by a verified TLS handshake before anything is stored. There is no
 * trust on first use: without a fingerprint or a file, only the system's own CAs count. Throws a CliError.
 */
export async function trustServer(
  address: string,
  by: { readonly ca?: string; readonly caSha256?: string },
): Promise<TrustedServer> {
  try {
    const url = parseConnectUrl(address);
    if (by.caSha256 !== undefined) return await trustByFingerprint(url, by.caSha256);
    if (by.ca !== undefined) return await trustByFile(url, by.ca);
    return await trustBySystem(url);
  } catch (error) {
    if (error instanceof AgentError) throw new CliError(error.message, { code: error.code, cause: error });
    throw error;
  }
}

async function trustByFingerprint(url: ConnectUrl, given: string): Promise<TrustedServer> {
  const wanted = given
    .replace(/^sha256:/i, '')
    .replace(/[:\s]/g, '')
    .toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(wanted)) {
    throw new CliError('--ca-sha256 is a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons.');
  }
  const chain = await readSentChain(url, dialTimeoutMs);
  const match = chain.find((certificate) => sha256(certificate) === wanted);
  if (match === undefined) {
    throw new CliError(
      `${url.text} did not send a certificate with this fingerprint.\n` +
        'Either the fingerprint is that of another server, or somebody stands between you and it. Nothing was saved.',
    );
  }
  if (!match.ca || !match.checkIssued(match)) {
    throw new CliError(
      `The fingerprint is that of a certificate of ${url.text} which is no root: it would stop working when it is renewed.\n` +
        'Take the fingerprint of the root, as the server shows it. Nothing was saved.',
    );
  }
  const pem = match.toString();
  await proveReachable(url, [pem]);
  return {
    connectUrl: url.text,
    connectCas: pem,
    trusted: `${url.text} proved itself by the root ${commonName(match)}.`,
  };
}

async function trustByFile(url: ConnectUrl, file: string): Promise<TrustedServer> {
  const pem = await readPem(file);
  await proveReachable(url, [pem]);
  return { connectUrl: url.text, connectCas: pem, trusted: `${url.text} proved itself by the CA of ${file}.` };
}

async function trustBySystem(url: ConnectUrl): Promise<TrustedServer> {
  try {
    await proveReachable(url, null);
  } catch (error) {
    if (!(error instanceof AgentError && error.kind === 'untrusted')) throw error;
    throw new CliError(
      `The certificate of ${url.text} comes from a CA that this system does not know.\n` +
        'Say how to know it, by the fingerprint that the server shows when it starts and in the dashboard:\n' +
        `  portico config add-connect-url ${url.text} --ca-sha256 FINGERPRINT\n` +
        'or by its root certificate: --ca FILE. Nothing was saved.',
      { cause: error },
    );
  }
  return { connectUrl: url.text, connectCas: 'host', trusted: `${url.text} proved itself by a CA of this system.` };
}

async function proveReachable(url: ConnectUrl, ca: readonly string[] | null): Promise<void> {
  const signal = new AbortController().signal;
  const socket = await dialServer({ url, ca, timeoutMs: dialTimeoutMs, clock: systemClock, signal });
  socket.on('error', () => {});
  socket.destroy();
}

async function readPem(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(`The CA file ${file} cannot be read (${errnoOf(error) ?? String(error)}).`);
  }
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw new CliError(`The file ${file} holds no PEM certificate.`);
  for (const pem of certificates) {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(pem);
    } catch {
      throw new CliError(`The file ${file} holds a certificate that cannot be read.`);
    }
    if (!certificate.ca)
      throw new CliError(`The certificate ${commonName(certificate)} in ${file} is not one of a CA.`);
  }
  // Only certificates: a key that stands beside them has no business in a configuration file.
  return `${certificates.join('\n')}\n`;
}

function sha256(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

function commonName(certificate: X509Certificate): string {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? certificate.subject.replaceAll('\n', ', ');
}
