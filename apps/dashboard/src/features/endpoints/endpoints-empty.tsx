import { CommandLine } from '../../ui/command-line.tsx';
import { Notice } from '../../ui/notice.tsx';

export function EndpointsEmpty() {
  return (
    <section aria-label="Endpoints online now" className="border-y border-line">
      <Notice title="No endpoint is online" lit={2}>
        <p>Start an agent on the machine that runs your app. It appears here within a second.</p>
        <CommandLine command="portico http 3000" />
      </Notice>
    </section>
  );
}
