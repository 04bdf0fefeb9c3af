export { type ApiOverrides, type RunningApi, startApi } from './api.ts';
export { type FirstAccount, firstAccountFile, nodeCredentialFile } from './bootstrap/bootstrap.ts';
export { type ApiConfig, type ApiLimits, defaultLimits, readConfig } from './config.ts';
