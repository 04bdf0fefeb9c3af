import { Notice } from '../ui/notice.tsx';

export default function NotFound() {
  return (
    <main className="min-h-dvh bg-surface pt-[12dvh]">
      <title>Nothing here · Portico</title>
      <Notice title="There is no page at this address" lit={0}>
        <a href="/" className="text-lapis underline underline-offset-2">
          Go to your endpoints
        </a>
      </Notice>
    </main>
  );
}
