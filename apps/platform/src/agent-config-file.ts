import { stringify } from 'yaml';

/**
 * The agent configuration that `./portico` reads last of all, so that it works with no other step after `npm start`
 * (version 3 of the file).
 */
export function agentConfigFile(values: {
  authtoken: string;
  apiKey: string;
  connectUrl: string;
  caFile: string;
}): string {
  return stringify({
    version: 3,
    agent: {
      authtoken: values.authtoken,
      api_key: values.apiKey,
      connect_url: values.connectUrl,
      connect_cas: values.caFile,
    },
  });
}
