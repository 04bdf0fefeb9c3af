import { forward } from '../../../lib/server/forward.ts';
import { internalUrl, nodeCredential } from '../../../lib/server/settings.ts';

export const dynamic = 'force-dynamic';

async function handle(request: Request, context: { params: Promise<{ path: string[] }> }): Promise<Response> {
  const { path } = await context.params;
  return forward(request, path, { baseUrl: internalUrl(), credential: await nodeCredential() });
}

export { handle as DELETE, handle as GET, handle as PATCH, handle as POST, handle as PUT };
