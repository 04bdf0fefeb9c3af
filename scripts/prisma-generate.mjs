// Generates the Prisma client into packages/db/src/generated, or does nothing if it is there already for this very
// schema and this very Prisma. Plain JavaScript: the bootstrap runs it before anything else of ours is prepared.
//
// Prisma's CLI first wants to download a schema engine, which generating does not use: any executable named in
// PRISMA_SCHEMA_ENGINE_BINARY stops that.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const generated = join(root, 'packages/db/src/generated');
const stamp = join(generated, '.stamp');
const prisma = createRequire(join(root, 'package.json')).resolve('prisma/package.json');
const { version, bin } = JSON.parse(readFileSync(prisma, 'utf8'));

const key = createHash('sha256')
  .update(version)
  .update('\0')
  .update(readFileSync(join(root, 'prisma/schema.prisma')))
  .digest('hex');
if (existsSync(join(generated, 'client.ts')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === key)
  process.exit(0);

rmSync(generated, { recursive: true, force: true });
const cli = join(prisma, '..', typeof bin === 'string' ? bin : bin.prisma);
const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'generate', '--no-hints'], {
  cwd: root,
  encoding: 'utf8',
  env: {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  },
});
if (status !== 0) {
  process.stderr.write(`${stdout}${stderr}\nprisma generate failed\n`);
  process.exit(status ?? 1);
}
writeFileSync(stamp, key);
