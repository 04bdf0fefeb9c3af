import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningFileServer, startFileServer } from './file-server.ts';

describe('a directory that is served', () => {
  let folder: string;
  let files: RunningFileServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portico-site-'));
    await mkdir(join(folder, 'site/sub dir'), { recursive: true });
    await mkdir(join(folder, 'site/.well-known'));
    await mkdir(join(folder, 'site/with-index'));
    const texts: Record<string, string> = {
      'secret.txt': 'secret',
      'site/a.txt': '0123456789',
      'site/empty.txt': '',
      'site/.env': 'TOKEN=1',
      'site/.well-known/x': 'known',
      'site/sub dir/<b>.html': '<p>b</p>',
      'site/with-index/index.html': 'the index',
    };
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
    await symlink(join(folder, 'secret.txt'), join(folder, 'site/link.txt'));
    await symlink(join(folder, 'site/a.txt'), join(folder, 'site/inside.txt'));
    files = await startFileServer(join(folder, 'site'));
  });
  afterAll(async () => {
    await files.close();
    await rm(folder, { recursive: true });
  });

  function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
    const { address } = files;
    if (address.kind !== 'unix') throw new Error('not a socket');
    return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }>(
      (resolve, reject) => {
        const asked = request({ socketPath: address.path, path, method, headers, agent: false }, (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => {
            body += chunk.toString();
          });
          response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
        });
        asked.once('error', reject);
        asked.end();
      },
    );
  }

  it('gives files with type, length and validators', async () => {
    const { status, headers, body } = await get('/a.txt?x=1');
    expect({ status, body }).toEqual({ status: 200, body: '0123456789' });
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '10',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
    });
    expect((await get('/a.txt', { 'if-none-match': String(headers.etag) })).status).toBe(304);
    expect(
      (await get('/a.txt', { 'if-none-match': '"other"', 'if-modified-since': String(headers['last-modified']) }))
        .status,
    ).toBe(200);
    expect((await get('/a.txt', { 'if-modified-since': String(headers['last-modified']) })).status).toBe(304);
    expect(await get('/a.txt', {}, 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect((await get('/empty.txt')).headers['content-length']).toBe('0');
    expect((await get('/inside.txt')).body).toBe('0123456789');
    expect((await get('/a.txt', {}, 'POST')).status).toBe(405);
  });

  it.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-100', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', undefined],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['lines=1-2', 200, '0123456789', undefined],
  ])('answers the range %s with %i', async (range, status, body, contentRange) => {
    const answer = await get('/a.txt', { range });
    expect(answer).toMatchObject({ status, body });
    expect(answer.headers['content-range']).toBe(contentRange);
  });

  it('gives the whole file when the range is of another version', async () => {
    expect(await get('/a.txt', { range: 'bytes=0-1', 'if-range': '"other"' })).toMatchObject({ status: 200 });
  });

  it('lists folders without a way for names to break out, and shows an index where there is one', async () => {
    const root = await get('/');
    expect(root.status).toBe(200);
    expect(root.body).toContain('<a href="./sub%20dir/">sub dir/</a>');
    expect(root.body).not.toContain('.env');
    const { status, headers } = await get('/sub%20dir');
    expect({ status, location: headers.location }).toEqual({ status: 301, location: '/sub%20dir/' });
    const listing = await get('/sub%20dir/');
    expect(listing.body).toContain('<a href="./%3Cb%3E.html">&#60;b&#62;.html</a>');
    expect(listing.headers['content-security-policy']).toContain("default-src 'none'");
    expect((await get('/sub%20dir/%3Cb%3E.html')).body).toBe('<p>b</p>');
    expect((await get('/with-index/')).body).toBe('the index');
    expect((await get('//evil.example/..')).status).toBe(404);
    expect((await get('//sub%20dir')).headers.location).toBe('/sub%20dir/');
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/sub%20dir/..%2f..%2fsecret.txt',
    '/link.txt',
    '/.env',
    '/%2eenv',
    '/a.txt%00.html',
    '/%zz',
    '/..\\secret.txt',
    '/nothing',
  ])('does not give %s', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, body: 'There is no such file.\n' });
  });

  it('gives what stands under .well-known', async () => {
    expect((await get('/.well-known/x')).body).toBe('known');
  });

  it('listens where only this user can reach it, and leaves nothing behind', async () => {
    const other = await startFileServer(folder);
    if (other.address.kind !== 'unix') throw new Error('not a socket');
    const place = dirname(other.address.path);
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    await other.close();
    await expect(stat(place)).rejects.toThrow('ENOENT');
    await expect(startFileServer(join(folder, 'nowhere'))).rejects.toThrow('There is no directory');
    await expect(startFileServer(join(folder, 'secret.txt'))).rejects.toThrow('is no directory');
  });
});
