import type { Metadata } from 'next';
import { EventDestinationsPage } from '../../../../../features/event-destinations/event-destinations-page.tsx';

export const metadata: Metadata = { title: 'Event destinations' };

export default function Page() {
  return <EventDestinationsPage />;
}
