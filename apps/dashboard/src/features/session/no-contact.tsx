import { Button } from '../../ui/button.tsx';
import { Notice } from '../../ui/notice.tsx';

/** For pages that cannot even say who is signed in. It asks again every 5 s, without script too. */
export function NoContact() {
  return (
    <main className="min-h-dvh bg-surface pt-[12dvh]">
      <meta httpEquiv="refresh" content="5" />
      <Notice title="The API does not answer" lit={1}>
        <p>Tunnels keep working. This page shows them again as soon as the API is back.</p>
        <form>
          <Button tone="secondary" type="submit">
            Try now
          </Button>
        </form>
      </Notice>
    </main>
  );
}
