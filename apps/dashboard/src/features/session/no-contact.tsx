import { Button } from '../../ui/button.tsx';
import { Notice } from '../../ui/notice.tsx';

/** For pages that cannot even say who is signed in. The button asks for the same page again, without script too. */
export function NoContact() {
  return (
    <main className="min-h-dvh bg-surface pt-[12dvh]">
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
