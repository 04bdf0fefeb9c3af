import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdPort } from './held-port.ts';
import { LogFile } from './log-file.ts';
import { SupervisedProcess } from './supervised-process.ts';

describe('a supervised process', () => {
  let root = '';
  let log: LogFile;
  let running: SupervisedProcess[] = [];
  const make = (source: string, sockets: { name: string; fd: number }[] = []): SupervisedProcess => {
    const script = join(root, `${running.length}.mjs`);
    writeFileSync(script, source);
    const supervised = new SupervisedProcess({ name: 'part', script, environment: () => process.env, sockets, log });
    running.push(supervised);
    return supervised;
  };
  const serving =
    "import { writeSync } from 'node:fs'; writeSync(2, 'hello\\n'); setInterval(() => {}, 1e6); process.send({kind: 'ready', ports: {http: 81}});";

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'portico-supervised-'));
    log = new LogFile(join(root, 'part.log'));
  });
  afterEach(async () => {
    for (const supervised of running) await supervised.stop();
    running = [];
    log.close();
    rmSync(root, { recursive: true });
  });

  it('reports its ports once it serves, and logs what it says', async () => {
    const part = make(serving);
    expect(await part.start()).toEqual({ http: 81 });
    await part.stop();
    expect(readFileSync(log.path, 'utf8')).toContain('hello');
    expect(part.pid).toBeNull();
  });

  it('is started again with another pid when it is killed', async () => {
    const part = make(serving);
    await part.start();
    const first = part.pid ?? 0;
    const again = once(part, 'ready');
    process.kill(first, 'SIGKILL');
    await again;
    expect(part.pid).not.toBe(first);
    expect(part.pid).not.toBeNull();
  });

  it('is missed by nobody who connects to a port that is held for it, until it is given up', async () => {
    const held = holdPort(0, '127.0.0.1');
    if (held === null) throw new Error('no port can be held here');
    const part = make(
      "import { createServer } from 'node:net'; const { LISTEN_FDS, LISTEN_FDNAMES } = process.env;" +
        'const server = createServer((socket) => socket.end([process.pid, LISTEN_FDS, LISTEN_FDNAMES].join(" ")));' +
        "server.listen({ fd: 3 }, () => process.send({ kind: 'ready', ports: {} }));",
      [{ name: 'web', fd: held.fd }],
    );
    await part.start();
    expect(() => holdPort(held.port, '127.0.0.1')).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    const first = part.pid ?? 0;
    expect(await text(connect(held.port, '127.0.0.1'))).toBe(`${first} 1 web`);
    const died = once(part, 'died');
    process.kill(first, 'SIGKILL');
    await died;
    expect(part.pid).toBeNull();
    const waiting = connect(held.port, '127.0.0.1');
    await once(waiting, 'connect');
    const answer = await text(waiting);
    expect(answer).toBe(`${part.pid} 1 web`);
    expect(answer).not.toBe(`${first} 1 web`);
    held.close();
    await part.stop();
    const [refused] = await once(connect(held.port, '127.0.0.1'), 'error');
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('gives the words of a failed start', async () => {
    const part = make("process.send({kind: 'failed', message: 'port 81 is taken'}, () => process.exit(1));");
    await expect(part.start()).rejects.toThrow('port 81 is taken');
  });

  it('gives the last line of a start that crashed', async () => {
    const part = make("console.error('Error: no such thing'); process.exit(3);");
    await expect(part.start()).rejects.toThrow('part ended with exit code 3: Error: no such thing');
  });
});
