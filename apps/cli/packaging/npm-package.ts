import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleCli, cliRoot, copyAssets, productVersion } from './bundle.ts';

const run = promisify(execFile);

export const oldestNode = '22.12.0';

/** In words that every Node understands: a version that is too old has to be able to read it. */
const starter = `#!/usr/bin/env node
'use strict';
var parts = process.versions.node.split('.').map(Number);
if (parts[0] < 22 || (parts[0] === 22 && parts[1] < 12)) {
  process.stderr.write('ERROR:  portico needs Node ${oldestNode} or later; this is ' + process.versions.node + '.\\n');
  process.exit(1);
}
var path = require('path');
var cache = process.env.XDG_CACHE_HOME || path.join(require('os').homedir(), '.cache');
require('module').enableCompileCache(path.join(cache, 'portico', 'compiled'));
require('../lib/portico.cjs');
`;

/** Makes the npm package in \`folder\` and packs it; resolves with the path of the tarball. */
export async function buildNpmPackage(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  const content = join(folder, 'package');
  await bundleCli(join(content, 'lib'), { single: false });
  await copyAssets(join(content, 'lib/assets'));
  await mkdir(join(content, 'bin'), { recursive: true });
  await writeFile(join(content, 'bin/portico.js'), starter);
  await chmod(join(content, 'bin/portico.js'), 0o755);
  await copyFile(join(cliRoot, '../../LICENSE'), join(content, 'LICENSE'));
  await writeFile(join(content, 'README.md'), readme);
  const manifest = {
    name: 'portico-cli',
    version: await productVersion(),
    description: 'Gives a service on this machine a public URL, through a Portico server that you run.',
    license: 'Apache-2.0',
    bin: { portico: 'bin/portico.js' },
    engines: { node: `>=${oldestNode}` },
    files: ['bin', 'lib'],
  };
  await writeFile(join(content, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: content });
  const name = /"filename":\s*"([^"]+)"/.exec(stdout)?.[1];
  if (name === undefined) throw new Error(`npm pack said nothing of a file:\n${stdout}`);
  return join(folder, name);
}

const readme = `# portico

The command line of Portico: \`portico http 3000\` gives localhost:3000 a public URL, through a server that you or your
team run.

    portico config add-connect-url connect.example.com:443 --ca-sha256 FINGERPRINT
    portico config add-authtoken TOKEN
    portico http 3000

It needs Node ${oldestNode} or later and nothing else.
`;
