export { defaultLimits, type EdgeConfig, type EdgeLimits, readConfig } from './config.ts';
export { type RunningEdge, startEdge } from './edge.ts';
