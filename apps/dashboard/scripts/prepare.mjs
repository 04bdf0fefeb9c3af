import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Next leaves the static files out of its standalone folder; this puts them where its server looks for them. */
export function prepare(app) {
  const target = join(app, '.next/standalone/apps/dashboard');
  if (!existsSync(join(target, 'server.js'))) throw new Error(`${target} has no server.js; run next build first`);
  rmSync(join(target, '.next/static'), { recursive: true, force: true });
  cpSync(join(app, '.next/static'), join(target, '.next/static'), { recursive: true });
  if (existsSync(join(app, 'public'))) cpSync(join(app, 'public'), join(target, 'public'), { recursive: true });
}
