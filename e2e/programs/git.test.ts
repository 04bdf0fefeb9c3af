import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { startPortico } from '../support/portico-cli.ts';
import { hasProgram, runProgram } from '../support/program.ts';
import { httpUpstream } from '../support/upstream.ts';

describe('git over HTTPS', () => {
  let platform: PlatformProcess;
  const root = mkdtempSync(join(tmpdir(), 'portico-git-'));
  beforeAll(async () => {
    platform = await startPlatformProcess();
  });
  afterAll(async () => {
    await platform.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  it('clones, pushes and fetches back what it pushed', async (context) => {
    if (!(await hasProgram('git'))) return context.skip('git is not installed');
    const identity = {
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@b',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@b',
      GIT_TERMINAL_PROMPT: '0',
      GIT_SSL_CAINFO: platform.ready.caFile,
    };
    const bare = join(root, 'project.git');
    await runProgram('git', ['init', '-q', '--bare', '--initial-branch=main', bare]);
    await runProgram('git', ['-C', bare, 'config', 'http.receivepack', 'true']);
    const upstream = await gitServer(root);
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'git']);
    const { hostname } = new URL(tunnel.url);
    // git's own resolver does not know *.localhost everywhere; the connection goes to loopback by an option of libcurl.
    const git = (args: string[], cwd = root): Promise<string> =>
      runProgram('git', ['-c', `http.curloptResolve=${hostname}:${platform.ready.https.port}:127.0.0.1`, ...args], {
        cwd,
        env: identity,
      });

    await git(['clone', '-q', `${tunnel.url}/project.git`, 'first']);
    mkdirSync(join(root, 'first/src'));
    writeFileSync(join(root, 'first/src/large.txt'), Buffer.alloc(5 * 1024 * 1024, 'portico '));
    writeFileSync(join(root, 'first/README'), 'hello');
    await git(['checkout', '-q', '-b', 'main'], join(root, 'first')).catch(() => undefined);
    await git(['add', '-A'], join(root, 'first'));
    await git(['commit', '-q', '-m', 'first'], join(root, 'first'));
    await git(['push', '-q', 'origin', 'HEAD:main'], join(root, 'first'));
    await git(['clone', '-q', `${tunnel.url}/project.git`, 'second']);
    const [pushed, cloned] = await Promise.all([
      git(['rev-parse', 'HEAD'], join(root, 'first')),
      git(['rev-parse', 'HEAD'], join(root, 'second')),
    ]);
    expect(cloned).toBe(pushed);
    await git(['fsck', '--full', '--strict'], join(root, 'second'));
    await tunnel.stop();
    await upstream.close();
  });
});

/** `git http-backend` behind a CGI gateway of a few lines: git's own smart HTTP server. */
async function gitServer(projectRoot: string) {
  return await httpUpstream((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const backend = spawn('git', ['http-backend'], {
      env: {
        ...process.env,
        GIT_PROJECT_ROOT: projectRoot,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        CONTENT_LENGTH: request.headers['content-length'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        REMOTE_USER: 'a',
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    backend.stdin.on('error', () => undefined);
    request.pipe(backend.stdin);
    let head = Buffer.alloc(0);
    let headDone = false;
    backend.stdout.on('data', (chunk: Buffer) => {
      if (headDone) {
        if (!response.write(chunk)) {
          backend.stdout.pause();
          response.once('drain', () => backend.stdout.resume());
        }
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      headDone = true;
      for (const line of head.subarray(0, end).toString().split('\r\n')) {
        const [name = '', value = ''] = line.split(/:\s*/, 2);
        if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.write(head.subarray(end + 4));
    });
    backend.stdout.on('end', () => response.end());
  });
}
