import { EndpointsLoading } from '../../../../features/endpoints/endpoints-loading.tsx';

export default function Loading() {
  return <EndpointsLoading />;
}
