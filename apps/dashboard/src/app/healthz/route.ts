export const dynamic = 'force-dynamic';

/** This process serves. Whether the API answers is the API's own health. */
export function GET(): Response {
  return Response.json({ status: 'ok' }, { headers: { 'cache-control': 'no-store' } });
}
