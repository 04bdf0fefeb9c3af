import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIssuingCa, createKeyPair, createRoot, LeafIssuer } from '@portico/pki';

/** For tests: a real certificate authority, Let's Encrypt's small one for tests, as Debian packs it. */
export class Pebble {
  readonly directoryUrl: string;
  /** What its directory's certificate comes from. */
  readonly caPem: string;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #managementUrl: string;

  private constructor(
    process: ChildProcess,
    folder: string,
    urls: { directory: string; management: string },
    caPem: string,
  ) {
    this.#process = process;
    this.#folder = folder;
    this.directoryUrl = urls.directory;
    this.#managementUrl = urls.management;
    this.caPem = caPem;
  }

  static get isInstalled(): boolean {
    return spawnSync('pebble', ['-version']).error === undefined;
  }

  /** @param ports where it looks for answers to its challenges, at whatever address the name has */
  static async start(options: { dnsServer: string; ports: { http: number; tls: number } }): Promise<Pebble> {
    const folder = await mkdtemp(join(tmpdir(), 'portico-pebble-'));
    const port = await freePort();
    const managementPort = await freePort();
    const { chain, key, root } = await loopbackCertificate();
    await writeFile(join(folder, 'chain.pem'), chain);
    await writeFile(join(folder, 'key.pem'), key);
    const config = {
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: join(folder, 'chain.pem'),
        privateKey: join(folder, 'key.pem'),
        httpPort: options.ports.http,
        tlsPort: options.ports.tls,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
        certificateValidityPeriod: 90 * 86_400,
      },
    };
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    const child = spawn(
      'pebble',
      ['-config', join(folder, 'config.json'), '-dnsserver', options.dnsServer, '-strict=false'],
      {
        stdio: process.env.PORTICO_PEBBLE_LOG ? 'inherit' : 'ignore',
        env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '5', PEBBLE_AUTHZREUSE: '0' },
      },
    );
    const pebble = new Pebble(
      child,
      folder,
      { directory: `https://127.0.0.1:${port}/dir`, management: `https://127.0.0.1:${managementPort}` },
      root,
    );
    try {
      await pebble.#whenUp();
      return pebble;
    } catch (error) {
      await pebble.stop();
      throw error;
    }
  }

  /** `caPem` as a file, for settings that name one. */
  async writeCa(): Promise<string> {
    const file = join(this.#folder, 'ca.pem');
    await writeFile(file, this.caPem);
    return file;
  }

  /** What the certificates come from that it issues; another one each time it starts. */
  async roots(): Promise<string> {
    return fetchText(`${this.#managementUrl}/roots/0`, this.caPem);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const gone = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await gone;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #whenUp(): Promise<void> {
    // It makes RSA keys first, which takes its time on a busy machine.
    for (let tries = 0; tries < 250; tries += 1) {
      if (this.#process.exitCode !== null) throw new Error('pebble ended at once');
      if (await answers(this.directoryUrl, this.caPem)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('pebble does not answer');
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function answers(url: string, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

function fetchText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function loopbackCertificate(): Promise<{ chain: string; key: string; root: string }> {
  const now = new Date();
  const root = await createRoot({ name: 'Test root', now });
  const { publicKeyPem, privateKeyPem } = await createKeyPair();
  const permitted = { permittedDns: ['pebble.test'], permittedIps: ['127.0.0.1'] };
  const certificatePem = await createIssuingCa({ root, publicKeyPem, now, days: 30, ...permitted });
  const leaf = await new LeafIssuer({ certificatePem, privateKeyPem }).issue({
    dns: ['pebble.test'],
    ips: ['127.0.0.1'],
  });
  return { chain: leaf.certificatePem, key: leaf.privateKeyPem, root: root.certificatePem };
}
