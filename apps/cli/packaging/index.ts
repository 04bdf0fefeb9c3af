export { cliRoot } from './bundle.ts';
export { buildExecutables } from './executables.ts';
export { buildNpmPackage } from './npm-package.ts';
export { hostTarget, runtimeVersion, targets } from './runtimes.ts';
