import type { Metadata } from 'next';
import { Suspense } from 'react';
import { InspectorPage } from '../../../../../features/inspector/inspector-page.tsx';

export const metadata: Metadata = { title: 'Inspector' };

/** The filter stands in the query, which is known in the browser only. */
export default function Page() {
  return (
    <Suspense>
      <InspectorPage />
    </Suspense>
  );
}
